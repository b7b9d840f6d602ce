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
        Span<double> half = stackalloc double[side * 3];
        for (int first = 0; first < OutPadded; first += panel)
        {
            int across = Math.Min(panel, OutPadded - first);
            for (int i = 0; i < InChannels; i++)
            {
                float* to = Panels + (long)first * InChannels + (long)i * across;
                for (int o = 0; o < across; o++)
                {
                    if (first + o < OutChannels) Transform(w.Slice((first + o) * outStep + i * inStep, Taps), g, side, reversed, half, to + o);
                    else for (int point = 0; point < Points; point++) to[o + point * PointLength] = 0;
                }
            }
        }
    }

    /// <summary>G g Gᵀ of the taps of one pair of channels, a float a point.</summary>
    private void Transform(ReadOnlySpan<float> taps, ReadOnlySpan<double> g, int side, bool reversed, Span<double> half, float* to)
    {
        for (int i = 0; i < side; i++)
        {
            for (int x = 0; x < 3; x++)
            {
                double sum = 0;
                for (int y = 0; y < 3; y++) sum += g[i * 3 + y] * taps[reversed ? 8 - (y * 3 + x) : y * 3 + x];
                half[i * 3 + x] = sum;
            }
        }
        for (int i = 0; i < side; i++)
        {
            for (int j = 0; j < side; j++)
            {
                *to = (float)(half[i * 3] * g[j * 3] + half[i * 3 + 1] * g[j * 3 + 1] + half[i * 3 + 2] * g[j * 3 + 2]);
                to += PointLength;
            }
        }
    }
}
