using System.Runtime.CompilerServices;

namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>Bᵀ d B: what a tile reads, taken to the points of the transform, 16 channels after 16 channels.</summary>
internal static unsafe class WinogradInput<TLane, TVector, TTile>
    where TLane : struct, ILane<TVector>
    where TVector : unmanaged
    where TTile : struct, IWinogradTile
{
    private const int Chunk = WinogradProduct<TLane, TVector>.Chunk;

    /// <summary>Floats of working memory for one thread.</summary>
    public static int WorkLength => 2 * TTile.Points * TTile.Points * TLane.Width;

    /// <summary>V of one tile.</summary>
    /// <param name="x">The image [height, width, channels].</param>
    /// <param name="height">Rows of the image.</param>
    /// <param name="width">Columns of the image.</param>
    /// <param name="channels">Channels of the image.</param>
    /// <param name="positionStep">Floats from a position of the image to the next.</param>
    /// <param name="top">The first row that the tile reads, which may lie outside the image, as may any other: zeros are there.</param>
    /// <param name="left">The first column that the tile reads.</param>
    /// <param name="v">Where the first chunk of the tile goes, at the first point.</param>
    /// <param name="pointStep">Floats from a point to the next.</param>
    /// <param name="chunkStep">Floats from a chunk to the next.</param>
    /// <param name="work">Memory to work in, <see cref="WorkLength"/> floats.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tile(float* x, int height, int width, int channels, nint positionStep, int top, int left, float* v, nint pointStep, nint chunkStep, float* work)
    {
        int points = TTile.Points;
        bool inside = top >= 0 && left >= 0 && top <= height - points && left <= width - points;
        float* patch = work + points * points * TLane.Width;
        float* first = x + ((nint)top * width + left) * positionStep;
        for (int c = 0; c < channels; c += TLane.Width)
        {
            float* from = first + c;
            nint rowStep = width * positionStep, columnStep = positionStep;
            if (!inside || c + TLane.Width > channels)
            {
                Gather(x + c, height, width, positionStep, top, left, Math.Min(TLane.Width, channels - c), patch);
                from = patch;
                rowStep = (nint)points * TLane.Width;
                columnStep = TLane.Width;
            }
            for (int j = 0; j < points; j++) Line(from + j * columnStep, rowStep, work + j * TLane.Width, points * TLane.Width);
            float* to = v + c / Chunk * chunkStep + c % Chunk;
            for (int i = 0; i < points; i++) Line(work + i * points * TLane.Width, TLane.Width, to + i * points * pointStep, pointStep);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Line(float* from, nint step, float* to, nint toStep)
    {
        TVector d4 = default, d5 = default;
        TVector d0 = TLane.Load(from), d1 = TLane.Load(from + step), d2 = TLane.Load(from + 2 * step), d3 = TLane.Load(from + 3 * step);
        if (TTile.Points > 4)
        {
            d4 = TLane.Load(from + 4 * step);
            d5 = TLane.Load(from + 5 * step);
        }
        TTile.Input<TLane, TVector>(d0, d1, d2, d3, d4, d5, out TVector v0, out TVector v1, out TVector v2, out TVector v3, out TVector v4, out TVector v5);
        TLane.Store(v0, to);
        TLane.Store(v1, to + toStep);
        TLane.Store(v2, to + 2 * toStep);
        TLane.Store(v3, to + 3 * toStep);
        if (TTile.Points > 4)
        {
            TLane.Store(v4, to + 4 * toStep);
            TLane.Store(v5, to + 5 * toStep);
        }
    }

    /// <summary>A vector of channels at every position that a tile reads; zeros beyond the image and beyond the last channel.</summary>
    private static void Gather(float* x, int height, int width, nint positionStep, int top, int left, int count, float* patch)
    {
        for (int i = 0; i < TTile.Points; i++)
        {
            bool within = (uint)(top + i) < (uint)height;
            float* row = x + (nint)(top + i) * width * positionStep;
            for (int j = 0; j < TTile.Points; j++)
            {
                TVector d = default;
                if (within && (uint)(left + j) < (uint)width)
                {
                    float* at = row + (left + j) * positionStep;
                    d = count == TLane.Width ? TLane.Load(at) : TLane.LoadFirst(at, count);
                }
                TLane.Store(d, patch);
                patch += TLane.Width;
            }
        }
    }
}
