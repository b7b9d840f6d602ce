namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>
/// Along one axis, a block of neighbouring input positions whose gradients are computed together, as so many channels of one product: what a convolution
/// of few channels is turned to, so that its gradient fills a vector.
/// </summary>
/// <remarks>
/// Input position q * Size + i meets outputs q * Size / stride + e with s · e = i + pad − k · dilation for a tap k. All e of all i make one window.
/// </remarks>
internal readonly struct GradientBlock
{
    private readonly WindowAxis axis;
    private readonly int first;

    /// <param name="axis">The axis of the convolution.</param>
    /// <param name="size">Positions of the block, a multiple of the stride.</param>
    public GradientBlock(WindowAxis axis, int size)
    {
        this.axis = axis;
        Size = size;
        int last = int.MinValue;
        first = int.MaxValue;
        for (int i = 0; i < size; i++)
        {
            for (int k = 0; k < axis.Kernel; k++)
            {
                var (e, rest) = Math.DivRem(i + axis.PadBegin - k * axis.Dilation, axis.Stride);
                if (rest == 0) (first, last) = (Math.Min(first, e), Math.Max(last, e));
            }
        }
        Taps = last - first + 1;
    }

    /// <summary>Input positions of the block.</summary>
    public int Size { get; }

    /// <summary>Outputs that some position of the block meets, and those between them.</summary>
    public int Taps { get; }

    /// <summary>From outputs to blocks of input positions.</summary>
    public WindowAxis Axis => new(axis.Output, (axis.Input + Size - 1) / Size, Taps, Size / axis.Stride, 1, -first);

    /// <summary>The tap through which position <paramref name="i"/> of the block meets output <paramref name="u"/> of the window, or −1.</summary>
    public int Tap(int i, int u)
    {
        var (k, rest) = Math.DivRem(i + axis.PadBegin - axis.Stride * (first + u), axis.Dilation);
        return rest == 0 && k >= 0 && k < axis.Kernel ? k : -1;
    }

    /// <summary>The blocks whose products are smallest for their results, or blocks of 1 x 1 where single positions do better.</summary>
    public static (int Rows, int Columns) Choose(in ConvolutionShape shape, VectorWidth vectors)
    {
        int most = shape.Groups > 1 || shape.InPerGroup == 0 ? 0 : (int)vectors / shape.InPerGroup;
        double best = (double)shape.Height.Kernel * shape.Width.Kernel / ((double)shape.Height.Stride * shape.Width.Stride);
        (int Rows, int Columns) chosen = (1, 1);
        for (int rows = shape.Height.Stride; rows <= most && rows < shape.Height.Input + shape.Height.Stride; rows += shape.Height.Stride)
        {
            for (int columns = shape.Width.Stride; rows * columns <= most && columns < shape.Width.Input + shape.Width.Stride; columns += shape.Width.Stride)
            {
                long taps = (long)new GradientBlock(shape.Height, rows).Taps * new GradientBlock(shape.Width, columns).Taps;
                double each = (double)taps / (rows * columns);
                bool fits = taps * shape.OutChannels * (int)vectors * sizeof(float) <= PanelWalk.PanelBytes;
                if (rows * columns > 1 && fits && each < 0.95 * best) (best, chosen) = (each, (rows, columns));
            }
        }
        return chosen;
    }
}
