namespace Limn.Engine.Kernels;

internal static unsafe partial class Convolution
{
    /// <summary>Positions a block of the weight gradient's scalar products: four rows of each operand stay in the first-level cache.</summary>
    private const int PositionBlock = 1024;

    /// <summary>dx = the gradient with respect to the input, which is also the transposed convolution of dy. Input that no window reads gets 0.</summary>
    /// <remarks>
    /// dx(n, c, i) = Σ over o, k with i + pad - k * dilation = p * stride of w(o, c, k) * dy(n, o, p). Input positions that are equal modulo the stride meet the
    /// same taps at consecutive outputs, so each such phase is a convolution of stride 1 with some of the taps, in reverse, and the channels swapped.
    /// </remarks>
    /// <exception cref="ArgumentException">A span does not have the length that the shape says.</exception>
    public static void BackwardInput(in ConvolutionShape shape, ReadOnlySpan<float> dy, ReadOnlySpan<float> w, Span<float> dx, Workers workers) =>
        BackwardInput(VectorWidths.Best, shape, dy, w, dx, workers);

    internal static void BackwardInput(
        VectorWidth vectors, in ConvolutionShape shape, ReadOnlySpan<float> dy, ReadOnlySpan<float> w, Span<float> dx, Workers workers)
    {
        shape.Validate(dx.Length, w.Length, dy.Length);
        if (dx.IsEmpty) return;
        bool onePhase = shape.Depth.Stride == 1 && shape.Height.Stride == 1 && shape.Width.Stride == 1;
        if (!onePhase || dy.IsEmpty) dx.Clear();
        if (dy.IsEmpty) return;
        for (int d = 0; d < Math.Min(shape.Depth.Stride, shape.Depth.Input); d++)
        {
            for (int h = 0; h < Math.Min(shape.Height.Stride, shape.Height.Input); h++)
            {
                for (int v = 0; v < Math.Min(shape.Width.Stride, shape.Width.Input); v++)
                {
                    Phase phaseD = new(shape.Depth, d), phaseH = new(shape.Height, h), phaseW = new(shape.Width, v);
                    if (phaseD.Taps == 0 || phaseH.Taps == 0 || phaseW.Taps == 0) continue;
                    ConvolutionShape part = shape with
                    {
                        InChannels = shape.OutChannels, OutChannels = shape.InChannels, Depth = phaseD.Axis, Height = phaseH.Axis, Width = phaseW.Axis,
                    };
                    using var weights = new Scratch(part.WeightLength);
                    Reverse(shape, w, phaseD, phaseH, phaseW, weights.Pointer);
                    var reversed = new ReadOnlySpan<float>(weights.Pointer, (int)part.WeightLength);
                    if (onePhase)
                    {
                        Forward(vectors, part, dy, reversed, default, dx, workers);
                        continue;
                    }
                    using var result = new Scratch(part.OutputLength);
                    Forward(vectors, part, dy, reversed, default, new Span<float>(result.Pointer, (int)part.OutputLength), workers);
                    Scatter(shape, part, d, h, v, result.Pointer, dx, workers);
                }
            }
        }
    }

    /// <summary>dw = the gradient with respect to the weights: dw(o, c, k) = Σ over n, p of dy(n, o, p) * x(n, c, p * stride + k * dilation - pad).</summary>
    /// <exception cref="ArgumentException">A span does not have the length that the shape says.</exception>
    public static void BackwardWeight(in ConvolutionShape shape, ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Span<float> dw, Workers workers) =>
        BackwardWeight(VectorWidths.Best, shape, x, dy, dw, workers);

    internal static void BackwardWeight(
        VectorWidth vectors, in ConvolutionShape shape, ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Span<float> dw, Workers workers)
    {
        shape.Validate(x.Length, dw.Length, dy.Length);
        if (dw.IsEmpty) return;
        if (dy.IsEmpty)
        {
            dw.Clear();
            return;
        }
        fixed (float* px = x, pdy = dy, pdw = dw) BackwardWeight(vectors, shape, px, pdy, pdw, workers);
    }

    private static void BackwardWeight(VectorWidth vectors, ConvolutionShape shape, float* x, float* dy, float* dw, Workers workers)
    {
        int m = shape.OutPerGroup, positions = shape.OutputPositions, volume = shape.KernelVolume, k = shape.InPerGroup * volume;
        var patches = new Patches(shape);
        int block = Math.Min(positions, PositionBlock), step = (block + Patches.Overrun - 1) / Patches.Overrun * Patches.Overrun;

        // A task makes the columns of dw that belong to some channels, over the whole batch, so no sum is ever split between threads.
        int channelsPerTask = Math.Clamp(96 / volume, 1, shape.InPerGroup), tasksPerGroup = (shape.InPerGroup + channelsPerTask - 1) / channelsPerTask;
        int[] tapOffsets = patches.TapOffsets(channelsPerTask);
        workers.For(shape.Groups * tasksPerGroup, Task);

        void Task(int task)
        {
            int group = task / tasksPerGroup, from = task % tasksPerGroup * channelsPerTask, channels = Math.Min(channelsPerTask, shape.InPerGroup - from);
            float* to = dw + (nint)group * m * k + (nint)from * volume;
            using var padded = new Scratch(patches.ChannelLength * channels + Patches.Overrun);
            using var packed = new Scratch((long)channels * volume * step + Patches.Overrun);
            fixed (int* taps = tapOffsets)
            {
                for (int image = 0; image < shape.Batch; image++)
                {
                    nint row = (nint)image * shape.Groups + group;
                    patches.Pad(x + (row * shape.InPerGroup + from) * shape.InputPositions, channels, padded.Pointer);
                    for (int p = 0; p < positions; p += block)
                    {
                        int count = Math.Min(block, positions - p);
                        patches.Pack(padded.Pointer, taps, channels * volume, p, count, packed.Pointer, step);
                        Gemm.Dots(vectors, m, channels * volume, count, dy + row * m * positions + p, positions, packed.Pointer, step, to, k, 1, image == 0 && p == 0 ? 0 : 1);
                    }
                }
            }
        }
    }

    /// <summary>The weights of one phase: [InChannels, OutChannels / Groups, taps in reverse].</summary>
    private static void Reverse(in ConvolutionShape shape, ReadOnlySpan<float> w, Phase depth, Phase height, Phase width, float* to)
    {
        int volume = shape.KernelVolume;
        for (int c = 0; c < shape.InChannels; c++)
        {
            int group = c / shape.InPerGroup, inGroup = c % shape.InPerGroup;
            for (int o = 0; o < shape.OutPerGroup; o++)
            {
                int kernel = ((group * shape.OutPerGroup + o) * shape.InPerGroup + inGroup) * volume;
                for (int d = depth.Taps - 1; d >= 0; d--)
                {
                    for (int h = height.Taps - 1; h >= 0; h--)
                    {
                        int row = kernel + (depth.Tap(d) * shape.Height.Kernel + height.Tap(h)) * shape.Width.Kernel;
                        for (int v = width.Taps - 1; v >= 0; v--) *to++ = w[row + width.Tap(v)];
                    }
                }
            }
        }
    }

    /// <summary>Puts what one phase computed at every stride-th position of dx.</summary>
    private static void Scatter(ConvolutionShape shape, ConvolutionShape part, int d0, int h0, int w0, float* from, Span<float> dx, Workers workers)
    {
        fixed (float* fixedTo = dx)
        {
            float* to = fixedTo;
            workers.Ranges(shape.Batch * shape.InChannels, 1 + (1 << 14) / shape.InputPositions, Planes);

            void Planes(int first, int last)
            {
                float* source = from + (nint)first * part.OutputPositions;
                for (int plane = first; plane < last; plane++)
                {
                    for (int d = d0; d < shape.Depth.Input; d += shape.Depth.Stride)
                    {
                        for (int h = h0; h < shape.Height.Input; h += shape.Height.Stride)
                        {
                            float* row = to + (((nint)plane * shape.Depth.Input + d) * shape.Height.Input + h) * shape.Width.Input;
                            for (int v = w0; v < shape.Width.Input; v += shape.Width.Stride) row[v] = *source++;
                        }
                    }
                }
            }
        }
    }

    /// <summary>The input positions i = first + q * stride of an axis, and the taps k with i + pad - k * dilation a multiple of the stride.</summary>
    private readonly struct Phase
    {
        private readonly int firstTap, tapStep;

        public Phase(WindowAxis axis, int first)
        {
            tapStep = axis.Stride / GreatestCommonDivisor(axis.Stride, axis.Dilation);
            while (firstTap < axis.Kernel && Remainder(axis, first) != 0) firstTap++;
            if (firstTap >= axis.Kernel) return;
            Taps = (axis.Kernel - firstTap + tapStep - 1) / tapStep;
            // Tap u meets output q + reach - u * dilation; taken in reverse that is a window that starts pad before q.
            int dilation = tapStep * axis.Dilation / axis.Stride, reach = (first + axis.PadBegin - firstTap * axis.Dilation) / axis.Stride;
            Axis = new WindowAxis(axis.Output, (axis.Input - first + axis.Stride - 1) / axis.Stride, Taps, 1, dilation, (Taps - 1) * dilation - reach);
        }

        /// <summary>How many taps reach these positions.</summary>
        public int Taps { get; }

        /// <summary>The axis of this phase's convolution, from outputs to input positions.</summary>
        public WindowAxis Axis { get; }

        public int Tap(int index) => firstTap + index * tapStep;

        private static int GreatestCommonDivisor(int a, int b) => b == 0 ? a : GreatestCommonDivisor(b, a % b);

        private int Remainder(WindowAxis axis, int first) => (first + axis.PadBegin - firstTap * axis.Dilation) % axis.Stride;
    }
}
