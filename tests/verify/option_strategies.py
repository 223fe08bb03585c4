"""Values for the options of layers: mostly legal ones, whatever the kind."""

from typing import Any

from hypothesis import strategies as st

from cnncalc.layers import Shape, find, options


def divisors(number: int) -> list[int]:
    return [part for part in range(1, number + 1) if number % part == 0]


def mostly(draw: st.DrawFn, likely: st.SearchStrategy[Any], other: st.SearchStrategy[Any]) -> Any:
    """Nine times of ten the likely one."""
    return draw(likely if draw(st.integers(0, 9)) else other)


def per_axis(draw: st.DrawFn, each: st.SearchStrategy[Any], axes: int) -> Any:
    """One value for all axes, or one for each."""
    if draw(st.booleans()):
        return draw(each)
    return tuple(draw(each) for _ in range(axes))


SMALL = st.sampled_from([1, 1, 2, 3])
SIDE = st.sampled_from([0, 0, 1, 2])
PAIR = st.tuples(SIDE, SIDE)


def draw_option(draw: st.DrawFn, kind: str, option: str, shape: Shape) -> Any:
    """A value for an option of a layer whose first input has this shape; not always a legal one.

    Options of the same name are drawn alike, whatever the kind.
    """
    axes = find(kind).spatial or max(1, len(shape) - 1)  # type: ignore[union-attr]
    rank = len(shape)
    axis = st.integers(-rank, rank - 1)
    match option:
        case "kernel_size":
            sizes = st.sampled_from([1, 2, 2, 3, 3, 3, 4, 5])
            return per_axis(draw, st.just(0) if draw(st.integers(0, 60)) == 60 else sizes, axes)
        case "stride" | "dilation":
            return per_axis(draw, st.just(0) if draw(st.integers(0, 80)) == 80 else SMALL, axes)
        case "padding" if kind.startswith(("conv_transpose", "pad")):
            each = st.one_of(SIDE, PAIR) if kind == "pad" else SIDE
            return per_axis(draw, each, axes)
        case "padding":
            words = st.sampled_from(["half", "same", "same", "valid"])
            plain = draw(st.integers(0, 3))
            if plain == 0:
                return draw(words)
            each = SIDE if plain > 1 else st.one_of(SIDE, PAIR)
            return per_axis(draw, each, axes)
        case "output_padding":
            return per_axis(draw, st.sampled_from([0, 0, 1, 2, 3]), axes)
        case "groups" | "num_groups":
            return mostly(draw, st.sampled_from(divisors(shape[0])), st.integers(1, 5))
        case "out_channels" | "out_features":
            return draw(st.sampled_from([1, 2, 3, 4, 4, 6, 8, 8]))
        case "connections":
            return None
        case "bias" | "affine" | "elementwise_affine" | "track_running_stats" | "ceil_mode":
            return draw(st.booleans())
        case "count_include_pad" | "align_corners":
            return draw(st.booleans())
        case "divisor_override":
            return draw(st.sampled_from([None, 3]))
        case "norm_type":
            return draw(st.sampled_from([1.0, 2.0, 3.0]))
        case "output_size":
            return per_axis(draw, st.integers(1, 6), axes)
        case "eps" | "alpha" | "beta" | "k" | "negative_slope" | "threshold":
            return draw(st.sampled_from([0.5, 1.0]))
        case "min_val" | "max_val":
            return draw(st.sampled_from([-1.0, 0.0, 2.0]))
        case "axes":
            return draw(st.integers(1, rank + 1))
        case "p":
            return draw(st.sampled_from([0.0, 0.2, 0.5, 1.0]))
        case "size" if kind == "local_response_norm":
            return draw(st.integers(1, 5))
        case "size":
            some = st.one_of(st.none(), st.integers(1, 6))
            return mostly(draw, some, st.lists(st.integers(1, 6), min_size=1).map(tuple))
        case "scale_factor":
            some = st.one_of(st.none(), SMALL)
            return mostly(draw, some, st.lists(SMALL, min_size=1, max_size=3).map(tuple))
        case "mode":
            fitting = {2: "linear", 3: "bilinear", 4: "trilinear"}.get(rank, "nearest")
            modes = st.sampled_from(["nearest", "linear", "bilinear", "bicubic", "trilinear"])
            return mostly(draw, st.sampled_from(["nearest", fitting]), modes)
        case "approximate":
            return draw(st.sampled_from(["none", "tanh"]))
        case "num_parameters":
            return mostly(draw, st.sampled_from([1, shape[0]]), st.integers(1, 9))
        case "start_dim" | "end_dim":
            return mostly(draw, axis, st.integers(-rank - 2, rank + 1))
        case "axis":
            return mostly(draw, axis, st.integers(-rank - 2, rank + 1))
        case "dims":
            good = st.permutations(range(rank))
            return tuple(mostly(draw, good, st.lists(axis, min_size=1, max_size=4)))
        case "shape":
            sizes = [*draw(st.permutations(shape)), 1]
            if draw(st.booleans()):
                sizes[draw(st.integers(0, rank))] = -1
            if rank > 1 and draw(st.booleans()):
                sizes = [sizes[0] * sizes[1], *sizes[2:]] if -1 not in sizes[:2] else sizes
            return tuple(mostly(draw, st.just(sizes), st.lists(SMALL, min_size=1, max_size=4)))
        case "start" | "stop":
            return mostly(
                draw, st.sampled_from([None, 0, 1, -1, 2][option == "start" :]), st.integers(-9, 9)
            )
        case "step":
            return draw(SMALL)
        case "sizes":
            first = draw(st.integers(1, shape[0]))
            good = (first, shape[0] - first) if first < shape[0] else (first,)
            some = st.one_of(st.just(good), st.integers(1, 4))
            return mostly(draw, some, st.tuples(st.integers(1, 4), st.integers(1, 4)))
        case "chunks":
            return draw(st.integers(1, 5))
        case "cropping":
            return per_axis(draw, st.one_of(SIDE, PAIR), axes)
        case "offset":
            return per_axis(draw, SIDE, axes)
        case "channels":
            return draw(st.one_of(SIDE, PAIR))
        case "upscale_factor" | "downscale_factor" | "block_size":
            return draw(st.sampled_from([1, 2, 2, 3]))
    raise NotImplementedError(f"no strategy for option {option} of {kind}")


def draw_values(draw: st.DrawFn, kind: str, shape: Shape, inputs: int) -> dict[str, Any]:
    """Values for some of the options of a kind."""
    if kind == "crop":
        option = "cropping" if inputs == 1 else "offset"
        return {option: draw_option(draw, kind, option, shape)}
    values = {}
    for entry in options(find(kind)).values():  # type: ignore[arg-type]
        if entry.required or draw(st.booleans()):
            values[entry.name] = draw_option(draw, kind, entry.name, shape)
    if kind.startswith("conv") and values.get("groups", 1) > 1 and draw(st.integers(0, 9)):
        values["out_channels"] = values["groups"] * draw(st.integers(1, 3))
    if kind in ("conv1d", "conv2d", "conv3d") and draw(st.integers(0, 9)) == 9:
        channels = st.lists(
            st.integers(0, shape[0] - 1), min_size=1, unique=True, max_size=shape[0]
        )
        values["connections"] = tuple(tuple(draw(channels)) for _ in range(values["out_channels"]))
        values["groups"] = 1
    if kind == "upsample" and ("size" in values) == ("scale_factor" in values):
        values.pop("scale_factor", None)
        values["size"] = draw(st.integers(1, 6))
    return values
