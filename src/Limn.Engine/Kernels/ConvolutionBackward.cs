namespace Limn.Engine.Kernels;

internal static unsafe partial class Convolution
{
    /// <summary>Positions a block of the weight gradient's scalar products: four rows of each operand stay in the first-level cache.</summary>
    private const int PositionBlock = 1024;

    /// <summary>Output channels a group from which the weight gradient is a blocked product rather than scalar products.</summary>
    private const int WorthTransposing = 8;

    /// <summary>Output channels a group from which the products that make the gradient of the patches are deep enough.</summary>
    private const int WorthAddingPatches = 16;

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
        if (dy.IsEmpty)
        {
            dx.Clear();
            return;
        }
        fixed (float* pdy = dy, pw = w, pdx = dx)
        {
            if (IsPointwise(shape))
                Pointwise(vectors, shape, pdy, pw, pdx, workers);
            else if (shape.InPerGroup == 1 && shape.OutPerGroup <= DirectOutputs && !IsUnstrided(shape))
                DepthwiseConvolution.BackwardInput(shape, pdy, pw, pdx, workers);
            else if (shape.OutPerGroup >= WorthAddingPatches && AddingIsCheaper(shape))
                ByAddingPatches(vectors, shape, pdy, pw, pdx, workers);
            else
                ByPhases(vectors, shape, pdy, pw, pdx, workers);
        }
    }

    /// <summary>Adding touches every patch element once for each input channel; phases reverse all weights, and pack patches for each output channel.</summary>
    private static bool AddingIsCheaper(in ConvolutionShape shape)
    {
        double patches = 0.4 * shape.Batch * shape.OutputPositions, inputs = shape.InPerGroup, outputs = shape.OutPerGroup;
        return inputs * patches <= outputs * inputs + outputs * patches;
    }

    private static bool IsUnstrided(in ConvolutionShape shape) => shape.Depth.Stride == 1 && shape.Height.Stride == 1 && shape.Width.Stride == 1;

    private static void Pointwise(VectorWidth vectors, ConvolutionShape shape, float* dy, float* w, float* dx, Workers workers)
    {
        int inputs = shape.InPerGroup, outputs = shape.OutPerGroup, positions = shape.OutputPositions;
        ForEachImage(shape.Batch * shape.Groups, workers, (image, inner) =>
        {
            var weights = new LeftOperand((nint)(w + (nint)(image % shape.Groups) * outputs * inputs), 1, inputs);
            var gradient = new RowMajorOperand(dy + (nint)image * outputs * positions, positions);
            BlockedProduct.Run(vectors, inputs, positions, outputs, 1, weights, gradient, 0, dx + (nint)image * inputs * positions, positions, default, inner);
        });
    }

    private static void ByPhases(VectorWidth vectors, in ConvolutionShape shape, float* dy, float* w, float* dx, Workers workers)
    {
        bool onePhase = IsUnstrided(shape);
        if (!onePhase) new Span<float>(dx, (int)shape.InputLength).Clear();
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
                    Reverse(shape, w, phaseD, phaseH, phaseW, weights.Pointer, workers);
                    if (onePhase)
                    {
                        Forward(vectors, part, dy, weights.Pointer, null, dx, workers);
                        continue;
                    }
                    using var result = new Scratch(part.OutputLength);
                    Forward(vectors, part, dy, weights.Pointer, null, result.Pointer, workers);
                    Scatter(shape, part, d, h, v, result.Pointer, dx, workers);
                }
            }
        }
    }

    /// <summary>The gradient of the patches, W' * dy, added up where the patches overlap.</summary>
    private static void ByAddingPatches(VectorWidth vectors, ConvolutionShape shape, float* dy, float* w, float* dx, Workers workers)
    {
        int volume = shape.KernelVolume, k = shape.InPerGroup * volume, positions = shape.OutputPositions, outputs = shape.OutPerGroup;
        int block = Math.Min(positions, 480), together = Math.Clamp(144 / volume, 1, shape.InPerGroup);
        int tasksPerImage = (shape.InPerGroup + together - 1) / together;
        var patches = new Patches(shape);
        int[] tapOffsets = patches.TapOffsets(together);
        // A task makes some channels of one image and adds its positions in order, so no sum is ever split between threads.
        workers.For(shape.Batch * shape.Groups * tasksPerImage, task =>
        {
            int image = task / tasksPerImage, channel = task % tasksPerImage * together, channels = Math.Min(together, shape.InPerGroup - channel);
            float* gradient = dy + (nint)image * outputs * positions;
            float* kernel = w + (nint)(image % shape.Groups) * outputs * k + (nint)channel * volume;
            using var padded = new Scratch(patches.ChannelLength * channels);
            using var product = new Scratch((long)channels * volume * block);
            new Span<float>(padded.Pointer, (int)(patches.ChannelLength * channels)).Clear();
            fixed (int* taps = tapOffsets)
            {
                for (int p = 0; p < positions; p += block)
                {
                    int count = Math.Min(block, positions - p);
                    BlockedProduct.Run(
                        vectors, channels * volume, count, outputs, 1, new LeftOperand((nint)kernel, 1, k), new RowMajorOperand(gradient + p, positions),
                        0, product.Pointer, block, default, Workers.Single);
                    patches.Add(product.Pointer, block, taps, channels * volume, p, count, padded.Pointer);
                }
            }
            for (int c = 0; c < channels; c++)
                patches.Unpad(padded.Pointer + c * patches.ChannelLength, dx + ((nint)image * shape.InPerGroup + channel + c) * shape.InputPositions);
        });
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
        bool dots = m < WorthTransposing;
        int block = dots ? Math.Min(positions, PositionBlock) : 0, step = (block + Patches.Overrun - 1) / Patches.Overrun * Patches.Overrun;

        // A task makes the columns of dw that belong to some channels, over the whole batch, so no sum is ever split between threads.
        int channelsPerTask = Math.Clamp(144 / volume, 1, shape.InPerGroup), tasksPerGroup = (shape.InPerGroup + channelsPerTask - 1) / channelsPerTask;
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
                    if (!dots)
                    {
                        BlockedProduct.Run(
                            vectors, m, channels * volume, positions, 1, new LeftOperand((nint)(dy + row * m * positions), positions, 1),
                            new TransposedPatchOperand(patches, padded.Pointer, taps), image == 0 ? 0 : 1, to, k, default, Workers.Single);
                        continue;
                    }
                    for (int p = 0; p < positions; p += block)
                    {
                        int count = Math.Min(block, positions - p);
                        patches.Pack(padded.Pointer, taps, channels * volume, p, count, packed.Pointer, step);
                        float* gradient = dy + row * m * positions + p;
                        float beta = image == 0 && p == 0 ? 0 : 1;
                        Gemm.Dots(vectors, m, channels * volume, count, gradient, positions, packed.Pointer, step, to, k, 1, beta);
                    }
                }
            }
        }
    }

    /// <summary>The weights of one phase: [InChannels, OutChannels / Groups, taps in reverse].</summary>
    private static void Reverse(ConvolutionShape shape, float* w, Phase depth, Phase height, Phase width, float* to, Workers workers)
    {
        // Blocks of input by output channels, since one runs fast in w and the other in the result.
        const int together = 16;
        int volume = shape.KernelVolume, taps = depth.Taps * height.Taps * width.Taps, row = shape.OutPerGroup * taps;
        int[] tapOffsets = new int[taps];
        int next = 0;
        for (int d = depth.Taps - 1; d >= 0; d--)
        {
            for (int h = height.Taps - 1; h >= 0; h--)
            {
                for (int v = width.Taps - 1; v >= 0; v--)
                    tapOffsets[next++] = (depth.Tap(d) * shape.Height.Kernel + height.Tap(h)) * shape.Width.Kernel + width.Tap(v);
            }
        }
        workers.Ranges((shape.InChannels + together - 1) / together, (int)(1 + (1 << 15) / ((long)row * together)), (from, end) =>
        {
            fixed (int* offsets = tapOffsets)
            {
                for (; from < end; from++)
                {
                    int first = from * together, last = Math.Min(first + together, shape.InChannels);
                    for (int o = 0; o < shape.OutPerGroup; o += 2 * together)
                    {
                        for (int c = first; c < last; c++) ReverseChannel(c, o, Math.Min(o + 2 * together, shape.OutPerGroup), offsets);
                    }
                }
            }
        });

        void ReverseChannel(int c, int o, int end, int* offsets)
        {
            int group = c / shape.InPerGroup, inGroup = c - group * shape.InPerGroup;
            nint step = (nint)shape.InPerGroup * volume;
            float* kernel = w + (group * shape.OutPerGroup + o) * step + (nint)inGroup * volume, reversed = to + (nint)c * row + (nint)o * taps;
            for (; o < end; o++, kernel += step)
            {
                for (int t = 0; t < taps; t++) *reversed++ = kernel[offsets[t]];
            }
        }
    }

    /// <summary>Puts what one phase computed at every stride-th position of dx.</summary>
    private static void Scatter(ConvolutionShape shape, ConvolutionShape part, int d0, int h0, int w0, float* from, float* to, Workers workers)
    {
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

    /// <summary>The input positions i = first + q * stride of an axis, and the taps k with i + pad - k * dilation a multiple of the stride.</summary>
    internal readonly struct Phase
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
