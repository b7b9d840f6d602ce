using System.Runtime.CompilerServices;

namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>Aᵀ M A: the products of a tile taken back to its outputs, and what the epilogue makes of them, clipped to the image.</summary>
internal static unsafe class WinogradOutput<TLane, TVector, TTile>
    where TLane : struct, ILane<TVector>
    where TVector : unmanaged
    where TTile : struct, IWinogradTile
{
    /// <summary>Floats of working memory for one thread.</summary>
    public static int WorkLength => TTile.Outputs * TTile.Points * TLane.Width;

    /// <summary>The outputs of one tile.</summary>
    /// <param name="m">The products of the tile at the first point.</param>
    /// <param name="pointStep">Floats from a point to the next.</param>
    /// <param name="y">The output [batch, height, width, channels].</param>
    /// <param name="offset">Where the tile begins in the output, and in residual and gate.</param>
    /// <param name="rows">Rows of the tile that the output has.</param>
    /// <param name="columns">Columns of the tile that the output has.</param>
    /// <param name="width">Columns of the output.</param>
    /// <param name="channels">Channels of the output.</param>
    /// <param name="positionStep">Floats from a position of the output to the next.</param>
    /// <param name="epilogue">What becomes of each sum before it is stored.</param>
    /// <param name="work">Memory to work in, <see cref="WorkLength"/> floats.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tile(float* m, nint pointStep, float* y, long offset, int rows, int columns, int width, int channels, nint positionStep, in Epilogue epilogue, float* work)
    {
        int points = TTile.Points;
        nint rowStep = width * positionStep;
        float* bias = epilogue.Bias;
        var finish = new Finish<TLane, TVector>(epilogue);
        for (int c = 0; c < channels; c += TLane.Width)
        {
            for (int j = 0; j < points; j++)
            {
                Line(m + c + j * pointStep, points * pointStep, out TVector y0, out TVector y1, out TVector y2, out TVector y3);
                float* to = work + j * TLane.Width;
                int step = points * TLane.Width;
                TLane.Store(y0, to);
                TLane.Store(y1, to + step);
                if (TTile.Outputs > 2)
                {
                    TLane.Store(y2, to + 2 * step);
                    TLane.Store(y3, to + 3 * step);
                }
            }
            int count = Math.Min(TLane.Width, channels - c);
            TVector b = bias == null ? default : Load(bias + c, count);
            for (int i = 0; i < rows; i++)
            {
                Line(work + i * points * TLane.Width, TLane.Width, out TVector y0, out TVector y1, out TVector y2, out TVector y3);
                nint at = (nint)offset + i * rowStep + c;
                Store(finish, TLane.Add(y0, b), y, at, count);
                if (columns > 1) Store(finish, TLane.Add(y1, b), y, at + positionStep, count);
                if (TTile.Outputs > 2)
                {
                    if (columns > 2) Store(finish, TLane.Add(y2, b), y, at + 2 * positionStep, count);
                    if (columns > 3) Store(finish, TLane.Add(y3, b), y, at + 3 * positionStep, count);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Line(float* from, nint step, out TVector y0, out TVector y1, out TVector y2, out TVector y3)
    {
        TVector m4 = default, m5 = default;
        TVector m0 = TLane.Load(from), m1 = TLane.Load(from + step), m2 = TLane.Load(from + 2 * step), m3 = TLane.Load(from + 3 * step);
        if (TTile.Points > 4)
        {
            m4 = TLane.Load(from + 4 * step);
            m5 = TLane.Load(from + 5 * step);
        }
        TTile.Output<TLane, TVector>(m0, m1, m2, m3, m4, m5, out y0, out y1, out y2, out y3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(in Finish<TLane, TVector> finish, TVector sum, float* y, nint at, int count)
    {
        if (count == TLane.Width) finish.Store(sum, y, at);
        else finish.StoreFirst(sum, y, at, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Load(float* from, int count) => count == TLane.Width ? TLane.Load(from) : TLane.LoadFirst(from, count);
}
