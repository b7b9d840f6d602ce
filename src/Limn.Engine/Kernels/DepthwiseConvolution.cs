using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Limn.Engine.Kernels;

/// <summary>Convolution with one input channel a group: too little work for a matrix product, so each row of output is summed tap by tap.</summary>
internal static unsafe class DepthwiseConvolution
{
    public static void Forward(VectorWidth vectors, in ConvolutionShape shape, float* x, float* w, float* bias, float* y, Workers workers)
    {
        // A vector much longer than a row would be mostly wasted.
        int row = shape.Width.Output;
        if (vectors > VectorWidth.Vector256 && row <= 8) vectors = VectorWidth.Vector256;
        if (vectors > VectorWidth.Vector128 && row <= 4) vectors = VectorWidth.Vector128;
        switch (vectors)
        {
            case VectorWidth.Vector512: Run<Lane512, Vector512<float>>(shape, x, w, bias, y, workers); break;
            case VectorWidth.Vector256: Run<Lane256, Vector256<float>>(shape, x, w, bias, y, workers); break;
            case VectorWidth.Vector128: Run<Lane128, Vector128<float>>(shape, x, w, bias, y, workers); break;
            default: Run<LaneScalar, float>(shape, x, w, bias, y, workers); break;
        }
    }

    /// <summary>dx by adding each row of dy, times the weight of a tap, to the input it came from.</summary>
    public static void BackwardInput(ConvolutionShape shape, float* dy, float* w, float* dx, Workers workers)
    {
        var patches = new Patches(shape);
        int[] taps = patches.TapOffsets(1);
        int positions = shape.OutputPositions, width = shape.Width.Output, rows = shape.Depth.Output * shape.Height.Output, outputs = shape.OutPerGroup;
        workers.Ranges(shape.Batch * shape.Groups, (int)(1 + (1 << 15) / ((long)positions * taps.Length * outputs)), (from, to) =>
        {
            using var scratch = new Scratch(patches.ChannelLength);
            for (int plane = from; plane < to; plane++)
            {
                new Span<float>(scratch.Pointer, (int)patches.ChannelLength).Clear();
                for (int o = 0; o < outputs; o++)
                {
                    float* kernel = w + (nint)(plane % shape.Groups * outputs + o) * taps.Length, gradient = dy + ((nint)plane * outputs + o) * positions;
                    for (int row = 0; row < rows; row++, gradient += width)
                    {
                        int outD = Math.DivRem(row, shape.Height.Output, out int outH);
                        float* window = scratch.Pointer + patches.RowOffset(outD, outH);
                        for (int t = 0; t < taps.Length; t++)
                        {
                            var target = new Span<float>(window + taps[t], width);
                            TensorPrimitives.MultiplyAdd(new ReadOnlySpan<float>(gradient, width), kernel[t], target, target);
                        }
                    }
                }
                patches.Unpad(scratch.Pointer, dx + (nint)plane * shape.InputPositions);
            }
        });
    }

    private static void Run<TLane, TVector>(ConvolutionShape shape, float* x, float* w, float* bias, float* y, Workers workers)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        var patches = new Patches(shape);
        int[] tapOffsets = patches.TapOffsets(1);
        int positions = shape.OutputPositions, rows = shape.Depth.Output * shape.Height.Output, outputs = shape.OutPerGroup;
        workers.Ranges(shape.Batch * shape.Groups, (int)(1 + (1 << 15) / ((long)positions * tapOffsets.Length * outputs)), Planes);

        void Planes(int from, int to)
        {
            using var scratch = new Scratch(patches.ChannelLength + Patches.Overrun);
            fixed (int* taps = tapOffsets)
            {
                for (int plane = from; plane < to; plane++)
                {
                    patches.Pad(x + (nint)plane * shape.InputPositions, 1, scratch.Pointer);
                    for (int o = 0; o < outputs; o++)
                    {
                        int channel = plane % shape.Groups * outputs + o;
                        float* kernel = w + (nint)channel * tapOffsets.Length, output = y + ((nint)plane * outputs + o) * positions;
                        float start = bias == null ? 0 : bias[channel];
                        for (int row = 0; row < rows; row += 4)
                            Rows<TLane, TVector>(shape, patches, scratch.Pointer, taps, tapOffsets.Length, kernel, start, row, Math.Min(4, rows - row), output);
                    }
                }
            }
        }
    }

    /// <summary>Up to four rows of output at once, so that their sums do not wait for each other.</summary>
    private static void Rows<TLane, TVector>(
        in ConvolutionShape shape, in Patches patches, float* padded, int* taps, int tapCount, float* kernel, float start, int row, int rows, float* output)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        int width = shape.Width.Output;
        float** from = stackalloc float*[4];
        for (int r = 0; r < 4; r++)
        {
            int outD = Math.DivRem(row + Math.Min(r, rows - 1), shape.Height.Output, out int outH);
            from[r] = padded + patches.RowOffset(outD, outH);
        }
        float* edge = stackalloc float[4 * TLane.Width];
        for (int column = 0; column < width; column += TLane.Width)
        {
            int count = Math.Min(TLane.Width, width - column);
            float* to = output + (nint)row * width + column;
            if (count == TLane.Width && rows == 4)
            {
                Sum<TLane, TVector>(from[0] + column, from[1] + column, from[2] + column, from[3] + column, taps, tapCount, kernel, start, to, width);
                continue;
            }
            Sum<TLane, TVector>(from[0] + column, from[1] + column, from[2] + column, from[3] + column, taps, tapCount, kernel, start, edge, TLane.Width);
            for (int r = 0; r < rows; r++)
            {
                for (int i = 0; i < count; i++) to[(nint)r * width + i] = edge[r * TLane.Width + i];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum<TLane, TVector>(
        float* a, float* b, float* c, float* d, int* taps, int tapCount, float* kernel, float start, float* to, nint step)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        TVector sumA = TLane.Broadcast(start), sumB = sumA, sumC = sumA, sumD = sumA;
        for (int t = 0; t < tapCount; t++)
        {
            TVector weight = TLane.Broadcast(kernel[t]);
            nint tap = taps[t];
            sumA = TLane.MultiplyAdd(weight, TLane.Load(a + tap), sumA);
            sumB = TLane.MultiplyAdd(weight, TLane.Load(b + tap), sumB);
            sumC = TLane.MultiplyAdd(weight, TLane.Load(c + tap), sumC);
            sumD = TLane.MultiplyAdd(weight, TLane.Load(d + tap), sumD);
        }
        TLane.Store(sumA, to);
        TLane.Store(sumB, to + step);
        TLane.Store(sumC, to + 2 * step);
        TLane.Store(sumD, to + 3 * step);
    }
}
