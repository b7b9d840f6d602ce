using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>How a convolution or a pooling pads where the pads are not given.</summary>
public enum AutoPad
{
    /// <summary>The pads are given.</summary>
    NotSet,

    /// <summary>As many outputs as ⌈input / stride⌉; what is odd of the padding goes to the end.</summary>
    SameUpper,

    /// <summary>As many outputs as ⌈input / stride⌉; what is odd of the padding goes to the beginning.</summary>
    SameLower,

    /// <summary>No padding.</summary>
    Valid,
}

/// <summary>How windows slide over the spatial axes of a tensor [N, C, ...]: the attributes that convolutions and poolings share.</summary>
/// <remarks>
/// A window reaches over e = (kernel − 1)·dilation + 1 positions. Outputs of an axis: ⌊(input + pads − e) / stride⌋ + 1, rounded up with
/// <see cref="CeilMode"/> unless the last window would start beyond the input and the padding before it; ⌈input / stride⌉ with the two Same modes.
/// Lists that are left empty stand for ones (strides, dilations) or zeros (pads). One to three spatial axes.
/// </remarks>
public sealed record SlidingWindow
{
    /// <summary>The size of the window; convolutions may leave it empty, as their weights have it.</summary>
    public long[] Kernel { get; init; } = [];

    public long[] Strides { get; init; } = [];

    public long[] Dilations { get; init; } = [];

    /// <summary>Padding before each axis, then after each axis.</summary>
    public long[] Pads { get; init; } = [];

    public AutoPad AutoPad { get; init; }

    /// <summary>Whether the number of outputs is rounded up (poolings only).</summary>
    public bool CeilMode { get; init; }

    internal IEnumerable<OperatorAttribute> Attributes
    {
        get
        {
            if (Kernel.Length > 0) yield return new("kernel_shape", Kernel);
            if (Array.Exists(Strides, s => s != 1)) yield return new("strides", Strides);
            if (Array.Exists(Dilations, d => d != 1)) yield return new("dilations", Dilations);
            if (AutoPad == AutoPad.NotSet && Array.Exists(Pads, p => p != 0)) yield return new("pads", Pads);
            if (AutoPad != AutoPad.NotSet) yield return new("auto_pad", AutoPad switch { AutoPad.SameUpper => "SAME_UPPER", AutoPad.SameLower => "SAME_LOWER", _ => "VALID" });
            if (CeilMode) yield return new("ceil_mode", 1L);
        }
    }

    internal bool IsSame => AutoPad is AutoPad.SameUpper or AutoPad.SameLower;

    internal static SlidingWindow Read(OperatorImport import, bool pooling)
    {
        NodeAttributes attributes = import.Attributes;
        string padding = attributes.String("auto_pad", "NOTSET");
        return new SlidingWindow
        {
            Kernel = attributes.Ints("kernel_shape") ?? [],
            Strides = attributes.Ints("strides") ?? [],
            Dilations = attributes.Ints("dilations") ?? [],
            Pads = attributes.Ints("pads") ?? [],
            CeilMode = pooling && attributes.Flag("ceil_mode", false),
            AutoPad = padding switch
            {
                "" or "NOTSET" => AutoPad.NotSet,
                "SAME_UPPER" => AutoPad.SameUpper,
                "SAME_LOWER" => AutoPad.SameLower,
                "VALID" => AutoPad.Valid,
                _ => throw import.Unsupported($"auto_pad '{padding}' does not exist; NOTSET, SAME_UPPER, SAME_LOWER and VALID do."),
            },
        };
    }

    internal int Stride(int axis) => At(Strides, axis, 1);

    internal int Dilation(int axis) => At(Dilations, axis, 1);

    /// <summary>The given padding before an axis: zero where it is automatic.</summary>
    internal int GivenBegin(int axis) => AutoPad == AutoPad.NotSet ? At(Pads, axis, 0) : 0;

    /// <summary>The given padding after an axis: zero where it is automatic.</summary>
    internal int GivenEnd(int axis) => AutoPad == AutoPad.NotSet ? At(Pads, Pads.Length / 2 + axis, 0) : 0;

    /// <summary>The input positions that one window reaches over.</summary>
    internal int Extent(int axis, int kernel) => checked((kernel - 1) * Dilation(axis) + 1);

    /// <exception cref="ShapeMismatchException">A list has the wrong length or a number is out of range.</exception>
    internal void Validate(InferenceContext context, int rank)
    {
        if (rank is < 3 or > 5) throw context.Error($"the input has {rank} dimensions; [N, C, ...] with one to three spatial axes is supported.");
        int axes = rank - 2;
        CheckList("kernel_shape", Kernel, axes, 1);
        CheckList("strides", Strides, axes, 1);
        CheckList("dilations", Dilations, axes, 1);
        CheckList("pads", AutoPad == AutoPad.NotSet ? Pads : [], 2 * axes, -int.MaxValue);

        void CheckList(string name, long[] list, int count, long least)
        {
            if (list.Length != 0 && list.Length != count) throw context.Error($"{name} has {list.Length} numbers, and {count} are expected for {axes} spatial axes.");
            foreach (long number in list)
                if (number < least || number > int.MaxValue / 2) throw context.Error($"{name} holds {number}; at least {least} is expected.");
        }
    }

    /// <summary>The number of windows along an axis, as far as it is known.</summary>
    internal Dim Outputs(int axis, Dim input, Dim kernel)
    {
        if (IsSame) return input.IsKnown ? (Dim)CeilingOf(input.Value, Stride(axis)) : Stride(axis) == 1 ? input : Dim.Unknown;
        if (!kernel.IsKnown) return Dim.Unknown;
        int extent = Extent(axis, kernel.Value), pads = GivenBegin(axis) + GivenEnd(axis), stride = Stride(axis);
        if (!input.IsKnown) return stride == 1 && pads == extent - 1 ? input : Dim.Unknown;
        int free = input.Value + pads - extent;
        if (free < 0)
        {
            throw new ShapeMismatchException(
                $"A window of {extent} positions does not fit spatial axis {axis}, which has {input.Value} positions and {pads} of padding. Use a larger input.");
        }
        if (!CeilMode || AutoPad == AutoPad.Valid) return free / stride + 1;
        int outputs = CeilingOf(free, stride) + 1;
        return (outputs - 1) * stride >= input.Value + GivenBegin(axis) ? outputs - 1 : outputs;
    }

    /// <summary>An axis of which all sizes are known.</summary>
    internal WindowAxis Axis(int axis, int input, int output, int kernel)
    {
        int begin = GivenBegin(axis), end = GivenEnd(axis);
        if (IsSame)
        {
            int total = Math.Max(0, (output - 1) * Stride(axis) + Extent(axis, kernel) - input);
            begin = AutoPad == AutoPad.SameUpper ? total / 2 : total - total / 2;
            end = total - begin;
        }
        return new WindowAxis(input, output, kernel, Stride(axis), Dilation(axis), begin, end);
    }

    /// <summary>The axes of a tensor of 1 to 3 spatial dimensions as depth, height and width.</summary>
    internal (WindowAxis Depth, WindowAxis Height, WindowAxis Width) Axes(ReadOnlySpan<int> inputs, ReadOnlySpan<int> outputs, ReadOnlySpan<int> kernels)
    {
        var axes = new WindowAxis[inputs.Length];
        for (int i = 0; i < axes.Length; i++) axes[i] = Axis(i, inputs[i], outputs[i], kernels[i]);
        return Spread(axes);
    }

    /// <summary>One to three axes as depth, height and width.</summary>
    internal static (WindowAxis Depth, WindowAxis Height, WindowAxis Width) Spread(WindowAxis[] axes) =>
        (axes.Length > 2 ? axes[^3] : WindowAxis.One, axes.Length > 1 ? axes[^2] : WindowAxis.One, axes[^1]);

    internal static int CeilingOf(int a, int b) => (int)(((long)a + b - 1) / b);

    private static int At(long[] list, int index, int otherwise) => index < list.Length ? (int)list[index] : otherwise;
}
