"""Bad input gets findings and an exit code, soon and in little memory; never a traceback."""

import os
import resource
import subprocess
import sys
import time

import pytest
from language import layers, problems, spec_with

from cnncalc.diagnostics.text import render
from cnncalc.spec import load

HEAD = b"name: t\ninput: [3, 32, 32]\n"
#: Seconds of processor time, against hangs and not for speed: an abuse that works takes minutes,
#: and CI may run on a machine several times slower than the one where these take 7 at the most.
SECONDS = 40.0
MEMORY = 2 * 2**30


def check(*arguments: str, stdin: bytes = b"") -> tuple[int, str]:
    """The command in a process of its own: the exit code, and what it said."""

    def bounds() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))

    done = subprocess.run(
        [sys.executable, "-m", "cnncalc", "check", *arguments],
        input=stdin, capture_output=True, preexec_fn=bounds, timeout=60, check=False,
    )  # fmt: skip
    said = (done.stdout + done.stderr).decode()
    assert "Traceback" not in said
    return done.returncode, said


# -------------------------------------------------------------------- files that are no specs


@pytest.mark.parametrize(
    ("content", "code", "rule"),
    [
        (b"", 1, "structure"),
        (b"\n\n# nothing\n", 1, "structure"),
        (b"\x00\x01\x02\x7fELF" * 100, 3, "cannot-read"),
        (bytes(range(256)) * 10, 3, "cannot-read"),
        ("name: größe".encode("latin-1"), 3, "cannot-read"),
        ("name: x".encode("utf-16"), 3, "cannot-read"),
        (b"\xef\xbb\xbf" + HEAD + b"layers: [relu]", 0, ""),
        (HEAD.replace(b"\n", b"\r\n") + b"layers: [relu]\r\n", 0, ""),
        (HEAD + b"layers: [relu, \x07]", 1, "yaml-syntax"),
        (b"- relu", 1, "structure"),
        (b"relu", 1, "structure"),
        (b"3", 1, "structure"),
        (b'"', 1, "yaml-syntax"),
        (b"{" * 100_000, 1, "limit"),
        (b"[" * 100_000, 1, "limit"),
        (b"- " * 100_000, 1, "limit"),
        (b"a: " * 1000, 1, "yaml-syntax"),
        (b"\t", 1, "yaml-syntax"),
        (b"%YAML 9.9\n---\nname: x", 1, "yaml"),
        (HEAD + b"layers: [relu]\n---\nname: b", 1, "yaml-feature"),
        (HEAD + b"layers: [relu]\n...\n", 0, ""),
    ],
)
def test_files_that_are_no_specs(tmp_path, content, code, rule):
    path = tmp_path / "spec.yaml"
    path.write_bytes(content)
    for arguments, stdin in (((str(path),), b""), (("-",), content)):
        found, said = check(*arguments, stdin=stdin)
        assert (found, rule in said) == (code, True), said


def test_a_file_of_50_mb_is_refused_unread(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_bytes(HEAD + b"layers:\n" + b"  - relu\n" * 5_500_000)
    code, said = check(str(path))
    assert code == 3
    assert "16 MiB" in said
    code, said = check("-", stdin=path.read_bytes())
    assert code == 3


def test_what_is_no_file(tmp_path):
    assert check(str(tmp_path / "nothing.yaml"))[0] == 3
    assert check("nothing_of_the_sort")[0] == 3
    assert check("a" * 5000)[0] == 3
    assert check("a" * 5000 + ".yaml")[0] == 3
    assert check("/dev/zero")[0] == 3
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    assert check(str(tmp_path / "loop.yaml"))[0] == 3
    assert problems(load(str(tmp_path))) == ["cannot-read"]
    assert problems(load("")) == ["cannot-read"]
    assert problems(load("a\0b.yaml")) == ["cannot-read"]
    assert problems(load("a\ud800.yaml")) == ["cannot-read"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_bytes(HEAD + b"layers: [relu]")
    path.chmod(0)
    assert check(str(path))[0] == 3


# --------------------------------------------------------------------------- files that lead out


@pytest.mark.parametrize("word", ["extends", "include"])
@pytest.mark.parametrize(
    ("target", "rule"),
    [
        ("../secret", "outside"),
        ("below/../../secret", "outside"),
        ("/etc/passwd", "outside"),
        ("{folder}/secret", "outside"),
        ("link", "outside"),
        ("linked/secret", "outside"),
        ("spec", "recursion"),
        ("a{nul}b", "not-found"),
        ("half{surrogate}", "yaml-syntax"),
        ("below", "not-found"),
        (".", "not-found"),
        ("a" * 5000, "not-found"),
        ("~/secret", "not-found"),
        ("file:///etc/passwd", "not-found"),
    ],
)
def test_extends_and_include_stay_in_the_folder(tmp_path, word, target, rule):
    (tmp_path / "secret.yaml").write_text("name: secret\nblocks: {b: [relu]}")
    folder = tmp_path / "specs"
    (folder / "below").mkdir(parents=True)
    (folder / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (folder / "linked").symlink_to(tmp_path)
    path = folder / "spec.yaml"
    target = target.format(folder=folder.parent, nul="\\0", surrogate="\\ud800")
    rest = "input: [1]\nlayers: [relu]\n" if word == "include" else ""
    path.write_text(f'name: t\n{word}: "{target}"\n{rest}')
    loaded = load(str(path))
    if (word, target) == ("include", "spec"):
        rule = "structure"
    assert problems(loaded) == [rule]
    assert "secret" not in "".join(loaded.sources.values()).replace(target, "")


def test_files_that_go_in_circles():
    ring = {"a": "extends: b", "b": "extends: c", "c": "extends: a"}
    assert problems(spec_with("extends: a", ring)) == ["recursion"]
    ring = {"a": "include: b\nblocks: {x: [relu]}", "b": "include: a\nblocks: {y: [relu]}"}
    text = "name: t\ninput: [1]\ninclude: a\nlayers: [x]"
    assert problems(spec_with(text, ring)) == ["recursion"]


def test_a_long_chain_of_files():
    chain = {f"s{n}": f"extends: s{n + 1}" for n in range(300)}
    chain["s300"] = "name: t\ninput: [1]\nlayers: [relu]"
    assert problems(spec_with("extends: s0", chain)) == []


def test_a_long_chain_of_libraries():
    chain = {f"s{n}": f"include: s{n + 1}\nblocks: {{b{n}: [relu]}}" for n in range(300)}
    chain["s300"] = "blocks: {last: [relu]}"
    text = "name: t\ninput: [1]\ninclude: s0\nlayers: [b0, last]"
    assert set(problems(spec_with(text, chain))) <= {"limit"}


# ----------------------------------------------------------------------- specs that grow or hang

DOUBLING = "\n".join(f"  b{n}: [b{n + 1}, b{n + 1}]" for n in range(40))
BOMB = "\n".join(
    f"  {chr(98 + n)}: [{', '.join(chr(97 + n) * 10)}]" for n in range(20)
)  # fmt: skip

ABUSES = {
    "a block that calls itself": ("blocks: {a: [a]}", "- a", ["recursion"]),
    "twice": ("blocks: {a: [a, a]}", "- a", ["recursion"]),
    "in branches": ("blocks: {a: [{add: {x: [a], y: [a]}}]}", "- a", ["recursion"]),
    "in groups": ("blocks: {a: [{sequential: [{repeat: {times: 2, layers: [a]}}]}]}", "- a",
                  ["recursion"]),
    "in a head": ("blocks: {a: [{head: [a]}, relu]}", "- a", ["recursion"]),
    "through another": ("blocks: {a: [b, b], b: [a, a]}", "- a", ["recursion"]),
    "as a kind": ("blocks: {a: {parameters: [f], layers: [{f: {f}}]}}", "- a: {f: a}",
                  ["recursion"]),
    "with arguments that grow": (
        "blocks: {a: {parameters: [n], layers: [{a: {n: n * n}}]}}", "- a: {n: 3}", ["evaluation"],
    ),
    "with lists that grow": (
        "blocks: {a: {parameters: [n], layers: [{a: {n: [n, n]}}]}}", "- a: {n: [1]}",
        ["evaluation"],
    ),
    "with names that grow": (
        "blocks: {a: [{a, name: " + "x" * 90 + "}]}", "- a", ["limit"],
    ),
    "blocks that double": (f"blocks:\n{DOUBLING}\n  b40: [relu]", "- b0", ["limit"]),
    "blocks that double and do nothing": (
        f"blocks:\n{DOUBLING}\n  b40: [identity]", "- b0", ["limit"],
    ),
    "blocks that double and fail": (
        f"blocks:\n{DOUBLING}\n  b40: [{{conv2d: {{out_channels: 0, kernel_size: 1}}}}]", "- b0",
        ["bad-value", "limit"],
    ),
    "a list that grows tenfold": (
        f"parameters:\n  a: [1]\n{BOMB}", "- {relu, times: u}", ["evaluation"],
    ),
    "times: 10**9": ("", "- {relu, times: 10**9}", ["limit"]),
    "repeat: 10**9": ("", "- repeat: {times: 10**9, layers: [relu]}", ["limit"]),
    "times: 10**1000": ("", "- {relu, times: 10**1000}", ["limit"]),
    "nested repeats": (
        "",
        "- repeat: {times: 1000, layers: [{repeat: {times: 1000, layers: [{relu, times: 1000}]}}]}",
        ["limit"],
    ),
    "nested repeats of nothing": (
        "",
        "- repeat: {times: 1000, layers: [{repeat: {times: 1000, layers: [{relu, times: 1000, "
        "when: false}]}}]}",
        ["limit"],
    ),
    "nested repeats of no rounds": (
        "", "- repeat: {times: 200000, layers: [{repeat: {times: 0, layers: [relu]}, times: 9}]}",
        ["limit"],
    ),
    "nested repeats that fail": (
        "",
        "- repeat: {times: 1000, layers: [{repeat: {times: 1000, layers: "
        "[{relu, name: a(1 // 0)}]}}]}",
        ["evaluation", "limit"],
    ),
    "names that grow": (
        'parameters: {x: "' + "x" * 999 + '"}',
        "- {relu, times: 200000, name: " + "(x)" * 300 + "}",
        ["bad-value"],
    ),
    "2**40 channels": (
        "", "- conv2d: {out_channels: 2**40, kernel_size: 1}\n"
        "- conv2d: {out_channels: 2**40, kernel_size: 1}", [],
    ),
    "10**30 channels": ("", "- conv2d: {out_channels: 10**30, kernel_size: 1}", ["bad-value"]),
    "tensors without end": ("", "- upsample: {scale_factor: 2**16}\n  times: 200000", ["limit"]),
    "a window of 2**40": ("", "- local_response_norm: {size: 2**40}", []),
    "a pad of 2**40": ("", "- pad: {padding: 2**40}", ["limit"]),
    "2**40 bins": ("", "- adaptive_avg_pool2d: {output_size: 2**40}", ["limit"]),
    "2**40 parts": ("", "- chunk: {chunks: 2**40}", []),
    "2**40 groups": ("", "- conv2d: {out_channels: 2**40, kernel_size: 1, groups: 2**40}",
                     ["groups"]),
    "a dilation of 2**40": ("", "- conv2d: {out_channels: 1, kernel_size: 3, dilation: 2**40}",
                            ["kernel-too-large"]),
    "a kernel of 2**40": ("", "- conv2d: {out_channels: 1, kernel_size: 2**40}",
                          ["kernel-too-large"]),
    "a kernel of -1": ("", "- conv2d: {out_channels: 1, kernel_size: -1}", ["bad-value"]),
    "a kernel of 0": ("", "- max_pool2d: {kernel_size: 0}", ["bad-value"]),
    "groups that do not divide": ("", "- conv2d: {out_channels: 4, kernel_size: 1, groups: 2}",
                                  ["groups"]),
    "a kernel larger than the padded input": (
        "", "- conv2d: {out_channels: 1, kernel_size: 40, padding: 1}", ["kernel-too-large"],
    ),
    "a power tower": ("", "- {relu, times: 9**9**9}", ["evaluation"]),
    "a power of floats": ("", "- {relu, times: 9.0**9**9}", ["evaluation"]),
    "a call": ("", "- {relu, times: __import__('os').system('true')}", ["expression"]),
    "an attribute": ("", "- {relu, times: channels.__class__}", ["expression"]),
    "a division by zero": ("", "- {relu, times: 1 // 0}", ["evaluation"]),
    "a fraction": ("", "- {relu, times: 3 / 2}", ["bad-value"]),
    "a deep expression": ("", f"- {{relu, times: {'(' * 400}1{')' * 400}}}", ["expression"]),
    "a long expression": ("", "- {relu, times: " + "1+" * 2000 + "1}", ["expression"]),
    "a sum of a long list": (
        "", "- {relu, times: 1000, when: sum([" + ",".join("1" * 400) + "]) > 0}", ["yaml-syntax"],
    ),
    "an alias of itself": ("parameters: {a: &a [*a]}", "- relu", ["yaml-feature", "yaml-feature"]),
    "an alias bomb": (
        "parameters:\n  a: &a [1]\n  b: &b [*a, *a]\n  c: &c [*b, *b]", "- relu", None,
    ),
    "a tag of Python": ("", "- !!python/object/apply:os.system relu", ["yaml-feature"]),
    "a merge key": ("", "- {relu, <<: {times: 3}}", ["yaml-feature"]),
    "a cycle": ("", "- {relu, name: a, from: b}\n- {tanh, name: b, from: a}", ["unknown-from"]),
}  # fmt: skip


@pytest.mark.parametrize("name", ABUSES)
def test_a_spec_that_would_grow_or_hang(name):
    before, text, rules = ABUSES[name]
    start = time.process_time()
    loaded = layers(text, before=before, arriving="[3, 32, 32]")
    assert time.process_time() - start < SECONDS
    if rules is None:
        assert loaded.findings.failed
    else:
        assert problems(loaded) == rules
    assert len(render(loaded.findings, loaded.sources)) < 10_000


@pytest.mark.parametrize(
    ("entry", "count", "rule"),
    [
        ("- nothing", 20_000, "unknown-kind"),
        ("- conv2d: {out_channels: nothing, kernel_size: 1}", 20_000, "unknown-name"),
        ("- {relu, from: nothing}", 5_000, "unknown-from"),
        ("- [relu]", 20_000, "structure"),
        ("- {relu, relu}", 20_000, "duplicate-key"),
        ("- *a", 20_000, "yaml-feature"),
    ],
)
def test_a_file_of_thousands_of_mistakes(entry, count, rule):
    start = time.process_time()
    loaded = layers("\n".join([entry] * count))
    assert time.process_time() - start < 2 * SECONDS
    assert loaded.findings.failed
    assert problems(loaded)[0] == rule
    assert len(loaded.findings) <= 1001


def test_merges_that_do_not_match_name_both_shapes_and_where_they_come_from():
    loaded = layers("- add: {a: [{conv2d: {out_channels: 4, kernel_size: 3}}], b: identity}")
    (finding,) = loaded.findings
    assert finding.rule.name == "merge-mismatch"
    assert "[4, 14, 14] and [4, 16, 16]" in finding.message
    assert [related.text for related in finding.related] == [
        "a.conv2d makes [4, 14, 14]",
        "input makes [4, 16, 16]",
    ]


def test_blocks_may_be_50_deep_with_groups_between_them():
    before = """
        blocks:
          deep:
            parameters: [n]
            layers:
              - sequential:
                  - add:
                      one: relu
                      other:
                        - repeat: {times: 1, layers: [{deep: {n: n - 1}, when: n > 1}, tanh]}
        """
    assert problems(layers("- deep: {n: 50}", before=before)) == []
    assert problems(layers("- deep: {n: 51}", before=before)) == ["recursion"]


# ------------------------------------------------------------------------------- on the terminal


@pytest.mark.parametrize(
    "text",
    [
        'name: "a\\x1b[31mred"',
        'source: "a\\x1b]0;title\\x07"',
        'name: "\\u202eabc"',
        'name: "\\u2028"',
        '"\\x1b[31m": 3',
        'freeze: "\\x1b[31m"',
        'parameters: {"\\x1b[31m": 3}',
        'include: "\\x1b[31m"',
        'expect: {params: "\\x1b[31m"}',
        'blocks: {"\\x1b[31m": [relu]}',
        'layers: [{relu, name: "\\x1b[31m"}]',
        'layers: [{"\\x1b[31m": 3}]',
        'layers: [{conv2d: {out_channels: "\\x1b[31m", kernel_size: 1}}]',
        'layers: [{add: {"\\x1b[31m": relu, b: tanh}}]',
    ],
)
def test_no_text_of_a_spec_drives_the_terminal(tmp_path, text):
    path = tmp_path / "spec.yaml"
    rest = {"name": "t", "input": "[3, 4, 4]", "layers": "[relu]"}
    lines = [text, *(f"{key}: {value}" for key, value in rest.items() if not text.startswith(key))]
    path.write_text("\n".join(lines))
    code, said = check("--strict", str(path))
    assert code == 1
    assert not {sign for sign in said if not sign.isprintable()} - {"\n"}


def test_standard_input():
    assert check("-", stdin=HEAD + b"layers: [relu]")[0] == 0
    code, said = check("-", stdin=HEAD + b"layers: [rleu]")
    assert code == 1
    assert said.startswith("-:3:10: error CNN104")
    code, said = check("-", stdin=b"extends: vgg16\nname: t")
    assert code == 0
    assert check("-", stdin=b"extends: ./vgg16/../../x\nname: t")[0] == 1
