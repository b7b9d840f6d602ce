using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Limn.Engine.Kernels.ChannelsLast;

internal static unsafe partial class ChannelsLastPooling
{
    /// <summary>Channels that are summed at once: eight registers of doubles.</summary>
    private const int GlobalBlock = 32;

    /// <summary>y[n, c] = the mean of x[n, p, c] over all positions p, summed in double and rounded once; NaN without positions.</summary>
    /// <param name="batch">Images.</param>
    /// <param name="positions">Positions of an image.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="x">The input, [N, P, C].</param>
    /// <param name="y">The output, [N, C].</param>
    /// <param name="workers">The threads.</param>
    public static void GlobalAverage(int batch, int positions, int channels, float* x, float* y, Workers workers)
    {
        int blocks = (channels + GlobalBlock - 1) / GlobalBlock;
        int minimum = (int)Math.Clamp((1 << 16) / (1 + (long)positions * GlobalBlock), 1, int.MaxValue);
        workers.Ranges(checked(batch * blocks), minimum, (first, last) =>
        {
            for (int b = first; b < last; b++)
            {
                int image = Math.DivRem(b, blocks, out int block), c = block * GlobalBlock;
                float* from = x + (nint)image * positions * channels + c, to = y + (nint)image * channels + c;
                int some = Math.Min(GlobalBlock, channels - c), done = 0;
                if (some == GlobalBlock)
                {
                    Means32(from, positions, channels, to);
                    continue;
                }
                for (; done + 8 <= some; done += 8) Means8(from + done, positions, channels, to + done);
                for (; done < some; done++)
                {
                    double sum = 0;
                    for (int p = 0; p < positions; p++) sum += from[(nint)p * channels + done];
                    to[done] = (float)(sum / positions);
                }
            }
        });
    }

    /// <summary>dx[n, p, c] = epilogue(dy[n, c] / positions): the gradient of <see cref="GlobalAverage"/>.</summary>
    /// <param name="batch">Images.</param>
    /// <param name="positions">Positions of an image.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="dy">The gradient of the output, [N, C].</param>
    /// <param name="epilogue">What becomes of each share; its tensors are laid out as dx.</param>
    /// <param name="dx">The gradient of the input, [N, P, C].</param>
    /// <param name="workers">The threads.</param>
    public static void GlobalAverageGradient(int batch, int positions, int channels, float* dy, in Epilogue epilogue, float* dx, Workers workers) =>
        GlobalAverageGradient(VectorWidths.Best, batch, positions, channels, dy, epilogue, dx, workers);

    public static void GlobalAverageGradient(
        VectorWidth vectors, int batch, int positions, int channels, float* dy, in Epilogue epilogue, float* dx, Workers workers)
    {
        switch (vectors)
        {
            case VectorWidth.Vector512: Spread<Lane512, Vector512<float>>(batch, positions, channels, dy, epilogue, dx, workers); break;
            case VectorWidth.Vector256: Spread<Lane256, Vector256<float>>(batch, positions, channels, dy, epilogue, dx, workers); break;
            case VectorWidth.Vector128: Spread<Lane128, Vector128<float>>(batch, positions, channels, dy, epilogue, dx, workers); break;
            default: Spread<LaneScalar, float>(batch, positions, channels, dy, epilogue, dx, workers); break;
        }
    }

    private static void Spread<TLane, TVector>(int batch, int positions, int channels, float* dy, Epilogue epilogue, float* dx, Workers workers)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        workers.Ranges(checked(batch * positions), Chunks.Items(Chunks.Cheap, channels), (first, last) =>
        {
            for (int p = first; p < last; p++) SpreadTo<TLane, TVector>(channels, dy + (nint)(p / positions) * channels, positions, epilogue, dx, (nint)p * channels);
        });
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SpreadTo<TLane, TVector>(int channels, float* dy, float positions, in Epilogue epilogue, float* dx, nint at)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        var finish = new Finish<TLane, TVector>(epilogue);
        TVector divisor = TLane.Broadcast(positions);
        int c = 0;
        for (; c <= channels - TLane.Width; c += TLane.Width) finish.Store(TLane.Add(finish.Start(c), TLane.Divide(TLane.Load(dy + c), divisor)), dx, at + c);
        int some = channels - c;
        if (some > 0) finish.StoreFirst(TLane.Add(finish.StartFirst(c, some), TLane.Divide(TLane.LoadFirst(dy + c, some), divisor)), dx, at + c, some);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Means32(float* x, int positions, int channels, float* y)
    {
        Vector256<double> a = default, b = a, c = a, d = a, e = a, f = a, g = a, h = a;
        for (int p = 0; p < positions; p++, x += channels)
        {
            var (low, high) = Vector256.Widen(Vector256.Load(x));
            a += low;
            b += high;
            (low, high) = Vector256.Widen(Vector256.Load(x + 8));
            c += low;
            d += high;
            (low, high) = Vector256.Widen(Vector256.Load(x + 16));
            e += low;
            f += high;
            (low, high) = Vector256.Widen(Vector256.Load(x + 24));
            g += low;
            h += high;
        }
        Vector256<double> count = Vector256.Create((double)positions);
        Vector256.Narrow(a / count, b / count).Store(y);
        Vector256.Narrow(c / count, d / count).Store(y + 8);
        Vector256.Narrow(e / count, f / count).Store(y + 16);
        Vector256.Narrow(g / count, h / count).Store(y + 24);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Means8(float* x, int positions, int channels, float* y)
    {
        Vector256<double> a = default, b = a;
        for (int p = 0; p < positions; p++, x += channels)
        {
            var (low, high) = Vector256.Widen(Vector256.Load(x));
            a += low;
            b += high;
        }
        Vector256<double> count = Vector256.Create((double)positions);
        Vector256.Narrow(a / count, b / count).Store(y);
    }
}
