namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>The shape of a pooling channels-last: input [Batch, H, W, Channels] and output [Batch, oH, oW, Channels].</summary>
internal readonly record struct PooledShape(int Batch, int Channels, WindowAxis Height, WindowAxis Width)
{
    public long InputLength => (long)Batch * Height.Input * Width.Input * Channels;
    public long OutputLength => (long)Batch * Height.Output * Width.Output * Channels;

    /// <summary>Floats in a row of the input and of the output.</summary>
    internal nint InputRow => (nint)Width.Input * Channels;

    internal nint OutputRow => (nint)Width.Output * Channels;

    /// <summary>Rows of <paramref name="columns"/> results each, with a window's work for each, that are worth another thread.</summary>
    internal int RowsPerThread(int columns) =>
        (int)Math.Clamp((1 << 16) / (1L + (long)columns * Channels * Height.Kernel * Width.Kernel), 1, int.MaxValue);

    /// <exception cref="ArgumentException">A size is out of range.</exception>
    internal void Validate()
    {
        if (Batch < 0 || Channels < 0) throw new ArgumentException($"A pooling cannot have {Batch} images of {Channels} channels.", nameof(Batch));
        Height.Validate(nameof(Height));
        Width.Validate(nameof(Width));
    }
}
