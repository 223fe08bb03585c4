"""``import cnncalc``: what the library gives, and what it says when a spec is wrong."""

import doctest
import pydoc
import subprocess
import sys
from pathlib import Path

import pytest

import cnncalc

WRONG = "name: x\ninput: [1, 8, 8]\nlayers:\n  - conv2d: {out_channels: 2, kernal_size: 3}\n"


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    path = tmp_path / "wrong.yaml"
    path.write_text(WRONG)
    return path


def test_the_docstring_tells_the_truth() -> None:
    assert doctest.testmod(cnncalc) == (0, 7)


def test_the_numbers() -> None:
    network = cnncalc.summarize("vgg16", batch=2, optimizer="adam")
    assert network.totals.macs == 15_470_264_320
    assert network.totals.memory.activations_bytes == 2 * 4 * 15_237_608
    assert network.layers["pool5"].receptive_field[0].size == 212


@pytest.mark.parametrize(
    ("classes", "output"), [(10, 10), ("10", 10), ("2 * 5", 10), (True, None), (2.5, None)]
)
def test_values_are_python_or_the_text_of_a_spec(classes: object, output: int | None) -> None:
    values = {"classes": classes}
    if output is None:
        with pytest.raises(cnncalc.SpecError, match=r"out_features is (true|2\.5)"):
            cnncalc.summarize("vgg16", values=values)  # type: ignore[arg-type]
    else:
        found = cnncalc.summarize("vgg16", values=values)  # type: ignore[arg-type]
        assert found.totals.output == (output,)


@pytest.mark.parametrize("shape", [(3, 256, 320), {"input": (3, 256, 320)}])
def test_another_shape(shape: tuple[int, ...] | dict[str, tuple[int, ...]]) -> None:
    assert cnncalc.summarize("vgg16", shape=shape).layers["pool5"].output == (512, 8, 10)


@pytest.mark.parametrize(
    ("shape", "message"),
    [((3, 0, 4), r"input is \[3, 0, 4\]; allowed: a list of 1 to 4 whole numbers"),
     ((3, 2.5, 4), r"input is \[3, 2.5, 4\]; allowed"),
     ((), r"input is \[\]; allowed"),
     ((3, True, 4), r"input is \[3, true, 4\]; allowed"),
     ((1, 1, 1, 1, 1), r"allowed: a list of 1 to 4"),
     ({"image": (3, 4, 4)}, "the spec has no input image\n      hint: allowed: input")],
)  # fmt: skip
def test_shapes_that_are_none(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(cnncalc.SpecError, match=message):
        cnncalc.summarize("vgg16", shape=shape)


def test_a_network_shows_itself() -> None:
    network = cnncalc.summarize("lenet_mnist")
    assert repr(network) == "<LeNet for MNIST: 431,080 params, 2,293,000 MACs>"
    assert str(network).startswith("LeNet for MNIST\n")
    assert str(network).endswith("3.39 MiB")
    assert "<td>2,293,000</td>" in network._repr_html_().replace("th>", "td>")


def test_check_returns_findings_and_prints_them(wrong: Path) -> None:
    checked = cnncalc.check(wrong, "vgg16")
    assert not checked.ok
    assert [one.rule.code for one in checked.findings if one.severity == "error"] == ["CNN108"]
    assert f"{wrong}:4:31: error CNN108 unknown-option" in str(checked)
    assert checked.specs == (str(wrong), "vgg16")


def test_check_of_what_is_right() -> None:
    checked = cnncalc.check("lenet5", "vgg")
    assert checked.ok
    assert str(checked) == "ok"


@pytest.mark.parametrize("function", [cnncalc.summarize, cnncalc.load])
def test_an_error_is_what_check_prints(function: object, wrong: Path) -> None:
    with pytest.raises(cnncalc.SpecError) as caught:
        function(wrong)  # type: ignore[operator]
    assert str(caught.value) == str(cnncalc.check(wrong))
    assert caught.value.findings.failed
    assert caught.value.sources == {str(wrong): WRONG}


@pytest.mark.parametrize(
    ("spec", "message"),
    [("vgg", "VGG is a template: no value for convs"), ("common", "common is a library of blocks"),
     ("nothing", "no built-in architecture called nothing")],
)  # fmt: skip
def test_what_is_no_network(spec: str, message: str) -> None:
    with pytest.raises(cnncalc.SpecError, match=message):
        cnncalc.load(spec)


def test_a_finding_that_files_share_stands_once() -> None:
    checked = cnncalc.check("vgg16", "vgg16", "resnet50", "resnet101")
    assert len(set(checked.findings)) == len(checked.findings) > 0


def test_what_there_is() -> None:
    assert dir(cnncalc) == sorted([*cnncalc.__all__, "__version__"])
    assert all(getattr(cnncalc, name).__doc__ for name in cnncalc.__all__)
    with pytest.raises(AttributeError, match="module 'cnncalc' has no attribute 'sumarize'"):
        _ = cnncalc.sumarize


def test_help_reads_well() -> None:
    text = pydoc.render_doc(cnncalc, renderer=pydoc.plaintext)
    assert "A network is a YAML spec, or the name of a built-in architecture:" in text
    assert "Every number of a network" in text


def test_users_get_types(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "import cnncalc\n"
        'network = cnncalc.summarize("vgg16", values={"classes": 10}, shape=(3, 64, 64))\n'
        "reveal_type(network.totals.macs)\n"
        'reveal_type(network.layers["fc8"].output)\n'
        'reveal_type(cnncalc.check(Path("a.yaml")).ok)\n'
        'cnncalc.summarize("vgg16", dtype="float31")\n'
    )
    ended = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), str(script)],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    shown = [line.partition("script.py:")[2] for line in ended.stdout.splitlines()[:-1]]
    assert [line.partition(";")[0].replace("builtins.", "") for line in shown] == [
        '4: note: Revealed type is "int"',
        '5: note: Revealed type is "tuple[int, ...]"',
        '6: note: Revealed type is "bool"',
        '7: error: Argument "dtype" to "summarize" has incompatible type "Literal[\'float31\']"',
    ]
