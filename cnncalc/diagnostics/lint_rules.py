"""The rules about specs that are valid, and could be better (CNN5xx): the manual of `cnncalc.lint`.

CNN50x the network; CNN51x the text of the spec; CNN59x the comments that suppress findings.
"""

from .rule import Rule, RuleOption

LINT = [
    Rule(
        "CNN501",
        "bias-before-norm",
        "warning",
        "a bias that the normalisation after it takes away again",
        """\
Batch norm and instance norm subtract the mean of each channel, and with it whatever constant \
the layer before them added to the channel. The bias is learned, stored and added for nothing; \
batch norm has a β of its own (Ioffe & Szegedy 2015, section 3.2).

Found where every reader of a convolution, a transposed convolution or a linear layer with a \
bias is a batch norm or an instance norm. Not group norm and layer norm: their means go over \
several channels, so biases make a difference.

  - conv2d: {out_channels: 64, kernel_size: 3, bias: false}
  - batch_norm2d
  - relu

Networks that were published with such biases keep them, with a suppression, so that the numbers \
of their parameters stay right.""",
    ),
    Rule(
        "CNN502",
        "stacked-linear",
        "note",
        "two convolutions or linear layers with nothing nonlinear between them",
        """\
A linear function of a linear function is a linear function: one layer could compute the same \
(but for the padding at the edges), and mostly an activation was forgotten.

Found where all that a dense layer computes goes to one other dense layer, through nothing but \
batch norm, dropout, average pooling, scale, flatten and the like. Dense layers are convolutions \
without groups, and linear layers.

Not found, because they are deliberate: a layer in the middle that is narrower than both ends (a \
factorised layer of low rank; the linear bottleneck of MobileNetV2, Sandler et al. 2018, section \
3.2); depthwise and other grouped convolutions (separable convolutions, Chollet 2017); kernels \
that extend along different axes (1×7 and 7×1); and whatever goes through a merge.

A note, because a design that is right on the whole may have such a place: the first block of \
MobileNetV3-Small, whose bottleneck is as wide as its input.""",
    ),
    Rule(
        "CNN503",
        "dead-kernel",
        "warning",
        "weights of a kernel that only ever meet padding",
        """\
Where the image is smaller than the kernel, some weights of it lie in the padding at every \
position. They are multiplied with zeros, and their gradient is zero: a 3×3 kernel with padding \
1 on an image of 1×1 is a 1×1 kernel, and eight of nine of its weights are never learned. Large \
dilations do the same (Chen et al., Rethinking atrous convolution, 2017, section 3.3).

Usually the input is smaller than the network was made for: less downsampling before, or a \
larger input. Else a smaller kernel computes the same.""",
    ),
    Rule(
        "CNN504",
        "saturated-field",
        "note",
        "a kernel that shows its units nothing new: all of the image was seen before",
        """\
At the input of this convolution every unit, those in the corners too, sees all of the image \
already, on each path that leads there. A kernel larger than 1 is there to bring more of the \
image together; this one has nothing left to bring. Richter et al. (Should you go deeper?, 2021) \
measured that such layers do not help to classify, and can be left out.

Fields are exact: union and start of every unit, and of several paths the one that sees the \
least, because residual connections keep small fields alive. Not asked after upsampling, where \
kernels have another task. One finding for each network: the first such layer. CNN505 is the \
less strict form.""",
    ),
    Rule(
        "CNN505",
        "field-exceeds-input",
        "note",
        "a kernel whose input has a receptive field as large as the image",
        """\
The border layer of Richter et al. (Should you go deeper?, 2021): the first convolution with a \
kernel larger than 1 whose input units have receptive fields of the size of the image or more, \
padding counted, on every path that leads there. From here on, units in the middle see nothing \
new, and those at the edges less and less.

Well-known networks go past this layer, and near the edges their units do gain; hence it is off. \
Select it when choosing the depth or the size of the input. CNN504 is the strict form.""",
        default=False,
    ),
    Rule(
        "CNN506",
        "unaligned-channels",
        "note",
        "output channels that are no multiple of 8, where that costs time",
        """\
Tensor cores work on blocks of channels: multiples of 8 in half precision, 4 in TF32, 16 in INT8 \
(NVIDIA, Convolutional layers user's guide, Channels in and out). A layer with 60 channels takes \
the time of one with 64.

Found for convolutions without groups and for linear layers of so many multiply-accumulates. Not \
for the last layer of an output, whose size is that of the task.

It is about certain hardware, and networks made for other hardware (ShuffleNet V2) have good \
reasons for other numbers; hence it is off.""",
        options=(
            RuleOption("multiple", 8, 2, "channels that fill a block"),
            RuleOption("macs", 10_000_000, 0, "layers of fewer multiply-accumulates do not matter"),
        ),
        default=False,
    ),
    Rule(
        "CNN511",
        "unused-block",
        "warning",
        "a block that the network is not made of",
        """\
No entry calls the block, and no parameter passes it on as a kind; or only blocks do that are \
unused themselves.

Not found in libraries, which are written for others, and in templates, whose blocks a spec that \
extends them may use.""",
    ),
    Rule(
        "CNN512",
        "unused-parameter",
        "warning",
        "a parameter that nothing depends on",
        """\
Whoever sets it expects a change, and gets none. It is a parameter of a spec that nothing reads, \
or one of a block that its layers do not read.

Not found in libraries and templates, and for parameters of blocks that are passed on as kinds: \
blocks that stand for each other take the same parameters.""",
    ),
    Rule(
        "CNN513",
        "unused-column",
        "warning",
        "a column of repeat.over that its entries do not read",
        """\
Each round of a repeat has names for its values; this one is read by no entry. If rounds are \
only counted, write times. A column that documents the others (the rows of a paper's table) is \
well used in the names of layers: inception_(row).""",
    ),
    Rule(
        "CNN514",
        "unused-include",
        "warning",
        "an included library of which no block is used",
        """\
Nothing of the library is in the network. Remove the include.

Not found in libraries and templates.""",
    ),
    Rule(
        "CNN515",
        "repeated-entries",
        "note",
        "identical entries one after another, which a repeat would say once",
        """\
The same entries, letter by letter, follow each other several times. What is written once can be \
changed in one place:

  - repeat:
      times: 3
      layers:
        - conv2d: {out_channels: 64, kernel_size: 3, padding: 1}
        - relu

For a single entry the modifier times is enough: {residual, times: 3}. Names without which the \
entries would be alike can be computed: conv(index + 1).

Found where the copies after the first take so many lines or more.""",
        options=(RuleOption("lines", 4, 1, "lines that a repeat would save, its own not counted"),),
    ),
    Rule(
        "CNN591",
        "unused-suppression",
        "warning",
        "a comment that suppresses nothing",
        """\
Nothing on its line has a finding of this rule any more, or nothing in the file for ignore-file. \
Remove it: it would hide the next one.

Only said of rules that are on, and in specs that were checked as a whole, not in the files they \
include or extend.""",
    ),
    Rule(
        "CNN592",
        "bad-suppression",
        "warning",
        "a comment to cnncalc that cannot be read",
        """\
Written are the codes or names of rules, with commas between them; what follows is a reason:

  - conv2d: {out_channels: 64, kernel_size: 3}   # cnncalc: ignore CNN501 as published
  # cnncalc: ignore-file CNN515, CNN301

ignore is for the findings of its line; on a line of its own, for those of the next line that is \
no comment. ignore-file is for the file.

The rules are always named: a bare ignore, which linters such as flake8 and ruff allow and then \
have a rule against, would hide findings that nobody knows of yet. For the same reason the \
beginning of codes (CNN5) is not enough here; it is in cnncalc.toml.""",
    ),
    Rule(
        "CNN593",
        "suppressed-error",
        "warning",
        "a comment that wants to suppress an error",
        """\
Errors are about specs that are no network, or not the network they say they are; no comment can \
change that. Warnings and notes can be suppressed, also those that the configuration turned into \
errors.""",
    ),
]
