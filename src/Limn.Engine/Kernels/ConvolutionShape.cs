namespace Limn.Engine.Kernels;

/// <summary>One spatial axis of a convolution or a pooling: output o reads input o * Stride + k * Dilation - PadBegin for k below Kernel.</summary>
/// <param name="Input">Positions of the input; those outside it are padding.</param>
/// <param name="Output">Positions of the output. The padding at the end is what they reach beyond the input.</param>
/// <param name="Kernel">Positions of the window.</param>
/// <param name="Stride">Input positions from one window to the next.</param>
/// <param name="Dilation">Input positions from one tap of the window to the next.</param>
/// <param name="PadBegin">Padding before the input; negative crops the input.</param>
/// <param name="PadEnd">Padding after the input, which only average pooling asks for, to tell padding from what lies beyond it.</param>
internal readonly record struct WindowAxis(int Input, int Output, int Kernel = 1, int Stride = 1, int Dilation = 1, int PadBegin = 0, int PadEnd = 0)
{
    /// <summary>The axis that 1-D and 2-D shapes put in front.</summary>
    public static WindowAxis One { get; } = new(1, 1);

    /// <summary>Input positions, padding included, from the first that a window reads to the last.</summary>
    public int Extent => Output == 0 ? 0 : (Output - 1) * Stride + (Kernel - 1) * Dilation + 1;

    /// <summary>Whether the axis is left as it is.</summary>
    public bool IsIdentity => Kernel == 1 && Stride == 1 && PadBegin == 0 && Input == Output;

    internal void Validate(string name)
    {
        if (Input < 0 || Output < 0 || Kernel < 1 || Stride < 1 || Dilation < 1)
            throw new ArgumentException($"The {name} axis needs sizes of at least 0 and kernel, stride and dilation of at least 1, and is {this}.", name);
        if ((Output - 1L) * Stride + (Kernel - 1L) * Dilation >= int.MaxValue / 2 || Math.Abs((long)PadBegin) >= int.MaxValue / 2)
            throw new ArgumentException($"The {name} axis reaches further than an index can count: {this}.", name);
    }

    /// <summary>The taps [From, To) of the window at <paramref name="output"/> that fall on the input, and the input position of tap 0.</summary>
    internal (int Start, int From, int To) Taps(int output)
    {
        int start = output * Stride - PadBegin;
        int from = start >= 0 ? 0 : Math.Min(Kernel, (-start + Dilation - 1) / Dilation);
        int to = start >= Input ? 0 : Math.Min(Kernel, (Input - 1 - start) / Dilation + 1);
        return (start, from, Math.Max(from, to));
    }
}

/// <summary>
/// The shape of a convolution: input [Batch, InChannels, D, H, W], weights [OutChannels, InChannels / Groups, kD, kH, kW] and output
/// [Batch, OutChannels, oD, oH, oW], all in row-major order.
/// </summary>
internal readonly record struct ConvolutionShape()
{
    public required int Batch { get; init; }
    public required int InChannels { get; init; }
    public required int OutChannels { get; init; }
    public int Groups { get; init; } = 1;
    public WindowAxis Depth { get; init; } = WindowAxis.One;
    public WindowAxis Height { get; init; } = WindowAxis.One;
    public required WindowAxis Width { get; init; }

    public int InPerGroup => InChannels / Groups;
    public int OutPerGroup => OutChannels / Groups;
    public int InputPositions => checked(Depth.Input * Height.Input * Width.Input);
    public int OutputPositions => checked(Depth.Output * Height.Output * Width.Output);
    public int KernelVolume => checked(Depth.Kernel * Height.Kernel * Width.Kernel);
    public long InputLength => (long)Batch * InChannels * InputPositions;
    public long WeightLength => (long)OutChannels * InPerGroup * KernelVolume;
    public long OutputLength => (long)Batch * OutChannels * OutputPositions;

    /// <exception cref="ArgumentException">A size is out of range, or the channels do not divide into the groups.</exception>
    internal void Validate(int input, int weights, int output)
    {
        if (Batch < 0 || InChannels < 0 || OutChannels < 0 || Groups < 1 || InChannels % Groups != 0 || OutChannels % Groups != 0)
            throw new ArgumentException($"A convolution of {InChannels} to {OutChannels} channels cannot be cut into {Groups} groups (batch {Batch}).", nameof(Groups));
        Depth.Validate(nameof(Depth));
        Height.Validate(nameof(Height));
        Width.Validate(nameof(Width));
        if (input != InputLength || weights != WeightLength || output != OutputLength)
        {
            throw new ArgumentException(
                $"The convolution needs {InputLength} input, {WeightLength} weight and {OutputLength} output elements, and got {input}, {weights} and {output}.", nameof(input));
        }
    }
}
