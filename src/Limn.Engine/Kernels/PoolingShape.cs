namespace Limn.Engine.Kernels;

/// <summary>
/// The shape of a pooling: input [Planes, D, H, W] and output [Planes, oD, oH, oW] in row-major order, where the planes are batch times channels.
/// Automatic padding and rounding up are the caller's: they are in the outputs and pads of the axes.
/// </summary>
internal readonly record struct PoolingShape()
{
    public required int Planes { get; init; }
    public WindowAxis Depth { get; init; } = WindowAxis.One;
    public WindowAxis Height { get; init; } = WindowAxis.One;
    public required WindowAxis Width { get; init; }

    public int InputPositions => checked(Depth.Input * Height.Input * Width.Input);
    public int OutputPositions => checked(Depth.Output * Height.Output * Width.Output);
    public long InputLength => (long)Planes * InputPositions;
    public long OutputLength => (long)Planes * OutputPositions;

    /// <exception cref="ArgumentException">A size is out of range.</exception>
    internal void Validate(int input, int output)
    {
        if (Planes < 0) throw new ArgumentException($"A pooling cannot have {Planes} planes.", nameof(Planes));
        Depth.Validate(nameof(Depth));
        Height.Validate(nameof(Height));
        Width.Validate(nameof(Width));
        if (input != InputLength || output != OutputLength)
            throw new ArgumentException($"The pooling needs {InputLength} input and {OutputLength} output elements, and got {input} and {output}.", nameof(input));
    }
}
