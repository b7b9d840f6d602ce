using System.Numerics;
using System.Runtime.InteropServices;

namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>The 3 x 3 weights of a convolution, transformed and packed once: U = G g Gᵀ, computed in double and rounded once.</summary>
/// <remarks>
/// One matrix [in, out] for each of the (m + 2)² points, cut into panels of two vectors of output channels (the last may be one), a
/// panel as [in][out]; output channels beyond the last are 0. It never changes, so that any number of threads and sessions may share it.
/// </remarks>
internal sealed unsafe class WinogradFilter
{
    private readonly float[] panels;

    private WinogradFilter(int inChannels, int outChannels, int tile, VectorWidth width)
    {
        InChannels = inChannels;
        OutChannels = outChannels;
        Tile = tile;
        Width = width;
        OutPadded = (outChannels + (int)width - 1) / (int)width * (int)width;
        long length = (long)Points * PointLength + (int)LineFloats;
        if (length > Array.MaxLength)
            throw new ArgumentException($"The transformed weights of {inChannels} to {outChannels} channels do not fit one array.", nameof(inChannels));
        panels = GC.AllocateUninitializedArray<float>((int)length, pinned: true);
        Panels = (float*)(((nint)Marshal.UnsafeAddrOfPinnedArrayElement(panels, 0) + LineFloats * sizeof(float) - 1) & ~(LineFloats * sizeof(float) - 1));
    }

    private const nint LineFloats = 16;

    public int InChannels { get; }

    public int OutChannels { get; }

    /// <summary>2 for F(2 x 2, 3 x 3), 4 for F(4 x 4, 3 x 3).</summary>
    public int Tile { get; }

    /// <summary>The vectors that the panels are cut for.</summary>
    public VectorWidth Width { get; }

    /// <summary>Bytes of memory that the panels hold.</summary>
    public long Bytes => (long)Points * PointLength * sizeof(float);

    /// <summary>Output channels, rounded up to whole vectors.</summary>
    internal int OutPadded { get; }

    /// <summary>Products of a tile: (m + 2)².</summary>
    internal int Points => (Tile + 2) * (Tile + 2);

    /// <summary>Floats of the matrix at one point.</summary>
    internal long PointLength => (long)InChannels * OutPadded;

    internal float* Panels { get; }

    /// <summary>The weights [out, in, 3, 3] of a convolution, for <see cref="WinogradConvolution.Forward"/>.</summary>
    /// <param name="shape">The convolution; its batch and sizes do not matter.</param>
    /// <param name="w">The weights.</param>
    /// <param name="tile">2 for F(2 x 2, 3 x 3), 4 for F(4 x 4, 3 x 3).</param>
    /// <exception cref="ArgumentException">The shape is not one of <see cref="WinogradConvolution.Suits"/>, or weights or tile do not fit.</exception>
    public static WinogradFilter Of(in ConvolutionShape shape, ReadOnlySpan<float> w, int tile) => Of(shape, w, tile, VectorWidths.Best);

    /// <summary>The weights of the convolution that takes output gradients to input gradients: taps reversed, channels swapped.</summary>
    /// <remarks>For <see cref="WinogradConvolution.BackwardInput"/>, with the shape and the weights [out, in, 3, 3] of the forward convolution.</remarks>
    /// <exception cref="ArgumentException">The shape is not one of <see cref="WinogradConvolution.Suits"/>, or weights or tile do not fit.</exception>
    public static WinogradFilter OfInputGradient(in ConvolutionShape shape, ReadOnlySpan<float> w, int tile) => OfInputGradient(shape, w, tile, VectorWidths.Best);

    internal static WinogradFilter Of(in ConvolutionShape shape, ReadOnlySpan<float> w, int tile, VectorWidth width)
    {
        Check(shape, w, tile);
        var filter = new WinogradFilter(shape.InChannels, shape.OutChannels, tile, width);
        filter.Pack(w, inStep: Taps, outStep: Taps * shape.InChannels, reversed: false);
        return filter;
    }

    internal static WinogradFilter OfInputGradient(in ConvolutionShape shape, ReadOnlySpan<float> w, int tile, VectorWidth width)
    {
        Check(shape, w, tile);
        var filter = new WinogradFilter(shape.OutChannels, shape.InChannels, tile, width);
        filter.Pack(w, inStep: Taps * shape.InChannels, outStep: Taps, reversed: true);
        return filter;
    }

    private const int Taps = 9;

    /// <summary>Points of a tile's side.</summary>
    private const int MostSide = 6;

    /// <summary>The most output channels of a panel.</summary>
    private const int Line = 2 * 16;

    private static void Check(in ConvolutionShape shape, ReadOnlySpan<float> w, int tile)
    {
        if (tile is not (2 or 4)) throw new ArgumentException($"A Winograd tile is 2 or 4 outputs wide, not {tile}.", nameof(tile));
        WinogradConvolution.Check(shape);
        if (w.Length != shape.WeightLength) throw new ArgumentException($"The convolution has {shape.WeightLength} weights, and got {w.Length}.", nameof(w));
    }

    private void Pack(ReadOnlySpan<float> w, int inStep, int outStep, bool reversed)
    {
        ReadOnlySpan<double> g = Tile == 4 ? WinogradTile4.Filter : WinogradTile2.Filter;
        int side = Tile + 2, panel = 2 * (int)Width;
        // A line of each is a number for each output channel of the panel, rounded up to whole vectors of either type.
        double* taps = stackalloc double[Taps * Line], half = stackalloc double[3 * MostSide * Line];
        float* point = stackalloc float[Line];
        new Span<double>(taps, Taps * Line).Clear();
        for (int first = 0; first < OutPadded; first += panel)
        {
            int across = Math.Min(panel, OutPadded - first), real = Math.Min(across, OutChannels - first);
            int length = (across + Vector<float>.Count - 1) / Vector<float>.Count * Vector<float>.Count;
            for (int o = real; o < across; o++)
                for (int t = 0; t < Taps; t++) taps[t * Line + o] = 0;
            for (int i = 0; i < InChannels; i++)
            {
                for (int o = 0; o < real; o++)
                {
                    ReadOnlySpan<float> pair = w.Slice((first + o) * outStep + i * inStep, Taps);
                    for (int t = 0; t < Taps; t++) taps[t * Line + o] = pair[reversed ? Taps - 1 - t : t];
                }
                float* to = Panels + (long)first * InChannels + (long)i * across;
                for (int r = 0; r < side; r++)
                    for (int x = 0; x < 3; x++) Combine(g.Slice(3 * r, 3), taps + x * Line, 3 * Line, half + (3 * r + x) * Line, length);
                for (int r = 0; r < side; r++)
                {
                    for (int c = 0; c < side; c++, to += PointLength)
                    {
                        Combine(g.Slice(3 * c, 3), half + 3 * r * Line, Line, point, length);
                        new ReadOnlySpan<float>(point, across).CopyTo(new Span<float>(to, across));
                    }
                }
            }
        }
    }

    /// <summary>Three lines, a step apart, times a row of G: a number for each output channel.</summary>
    private static void Combine(ReadOnlySpan<double> row, double* lines, int step, double* to, int length)
    {
        Vector<double> g0 = new(row[0]), g1 = new(row[1]), g2 = new(row[2]);
        for (int o = 0; o < length; o += Vector<double>.Count)
            Vector.Store(g0 * Vector.Load(lines + o) + g1 * Vector.Load(lines + o + step) + g2 * Vector.Load(lines + o + 2 * step), to + o);
    }

    /// <summary>The same, rounded.</summary>
    private static void Combine(ReadOnlySpan<double> row, double* lines, int step, float* to, int length)
    {
        Vector<double> g0 = new(row[0]), g1 = new(row[1]), g2 = new(row[2]);
        for (int o = 0; o < length; o += Vector<float>.Count)
        {
            double* from = lines + o, next = from + Vector<double>.Count;
            Vector.Store(Vector.Narrow(
                g0 * Vector.Load(from) + g1 * Vector.Load(from + step) + g2 * Vector.Load(from + 2 * step),
                g0 * Vector.Load(next) + g1 * Vector.Load(next + step) + g2 * Vector.Load(next + 2 * step)), to + o);
        }
    }
}
