namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>Convolution of channels-last tensors [N, H, W, C] with packed weights, and its gradient by the input.</summary>
/// <remarks>
/// A window's row of kernel width times channels lies in one piece in such a tensor, so that a window is a few segments, and the convolution a product of
/// windows with a panel of weights that is read straight through. Padded lines are copied to working memory a strip at a time; where there is no padding
/// nothing is copied. The gradient is the same product with reversed taps, in one sweep for each place of an input position modulo the stride.
/// The number of threads does not change a bit.
/// </remarks>
internal static unsafe class ChannelsLastConvolution
{
    /// <summary>Multiply-adds that are worth a thread.</summary>
    private const long Work = 1 << 18;

    /// <summary>y = the convolution of x with the weights of <see cref="PackedFilter.OfConvolution(in ConvolutionShape, ReadOnlySpan{float})"/>, finished by the epilogue.</summary>
    /// <param name="shape">The convolution.</param>
    /// <param name="x">The input.</param>
    /// <param name="w">The weights.</param>
    /// <param name="epilogue">What becomes of each sum; its tensors are laid out as y.</param>
    /// <param name="y">The output.</param>
    /// <param name="workers">The threads.</param>
    /// <param name="xStep">Floats from a position of x to the next, where x is some channels of a larger tensor; 0 where it is whole.</param>
    /// <param name="yStep">The same of y.</param>
    /// <exception cref="ArgumentException">The weights were packed for another convolution.</exception>
    public static void Forward(in ConvolutionShape shape, float* x, PackedFilter w, in Epilogue epilogue, float* y, Workers workers, nint xStep = 0, nint yStep = 0)
    {
        if (w.IsGradient || w.Groups != shape.Groups || w.Inputs != shape.InPerGroup || w.Outputs != shape.OutPerGroup
            || w.Parts[0].Rows != shape.Height.Kernel || w.Parts[0].Columns != shape.Width.Kernel) throw Mismatch(shape, w);
        if (yStep == 0) yStep = shape.OutChannels;
        nint line = shape.Width.Output * yStep;
        var sweep = new Sweep
        {
            Batch = shape.Batch, Height = shape.Height, Width = shape.Width, Channels = xStep == 0 ? shape.InChannels : (int)xStep,
            YStep = yStep, YRow = line, YImage = line * shape.Height.Output,
        };
        Run([sweep], x, w, epilogue, y, workers);
    }

    /// <summary>dx = the gradient by x, from the gradient dy by y, with the weights of <see cref="PackedFilter.OfInputGradient(in ConvolutionShape, ReadOnlySpan{float})"/>; the epilogue finishes dx.</summary>
    /// <remarks>A position of x that no window reads gets what the epilogue makes of 0.</remarks>
    /// <param name="shape">The convolution.</param>
    /// <param name="dy">The gradient by its output.</param>
    /// <param name="w">The weights.</param>
    /// <param name="epilogue">What becomes of each sum; its tensors are laid out as dx.</param>
    /// <param name="dx">The gradient by its input.</param>
    /// <param name="workers">The threads.</param>
    /// <param name="dyStep">Floats from a position of dy to the next, where dy is some channels of a larger tensor; 0 where it is whole.</param>
    /// <param name="dxStep">The same of dx; with weights that are packed for blocks of positions (<see cref="PackedFilter.Block"/>) dx is whole.</param>
    /// <exception cref="ArgumentException">The weights were packed for another convolution, or for blocks of a dx that is not whole.</exception>
    public static void BackwardInput(in ConvolutionShape shape, float* dy, PackedFilter w, in Epilogue epilogue, float* dx, Workers workers, nint dyStep = 0, nint dxStep = 0)
    {
        if (dyStep == 0) dyStep = shape.OutChannels;
        if (dxStep == 0) dxStep = shape.InChannels;
        if (w.Block != (1, 1))
        {
            if (dxStep != shape.InChannels) throw new ArgumentException("Weights packed for blocks of positions write whole tensors only.", nameof(dxStep));
            Blocks(shape, dy, w, epilogue, dx, workers, dyStep);
            return;
        }
        int strideY = shape.Height.Stride, strideX = shape.Width.Stride;
        if (!w.IsGradient || w.Groups != shape.Groups || w.Inputs != shape.OutPerGroup || w.Outputs != shape.InPerGroup || w.Parts.Length != strideY * strideX)
            throw Mismatch(shape, w);
        nint line = shape.Width.Input * dxStep;
        var sweeps = new List<Sweep>(w.Parts.Length);
        for (int part = 0; part < w.Parts.Length; part++)
        {
            var (firstRow, firstColumn) = Math.DivRem(part, strideX);
            if (firstRow >= shape.Height.Input || firstColumn >= shape.Width.Input) continue;
            Convolution.Phase rows = new(shape.Height, firstRow), columns = new(shape.Width, firstColumn);
            if (rows.Taps != w.Parts[part].Rows || columns.Taps != w.Parts[part].Columns) throw Mismatch(shape, w);
            sweeps.Add(new Sweep
            {
                Batch = shape.Batch, Height = Positions(rows, shape.Height, firstRow), Width = Positions(columns, shape.Width, firstColumn),
                Channels = (int)dyStep, Part = part,
                Origin = firstRow * line + firstColumn * dxStep,
                YStep = strideX * dxStep, YRow = strideY * line, YImage = shape.Height.Input * line,
            });
        }
        Run(sweeps, dy, w, epilogue, dx, workers);
    }

    /// <summary>The gradient of few channels: one sweep over blocks of positions.</summary>
    private static void Blocks(in ConvolutionShape shape, float* dy, PackedFilter w, in Epilogue epilogue, float* dx, Workers workers, nint dyStep)
    {
        GradientBlock rows = new(shape.Height, w.Block.Rows), columns = new(shape.Width, w.Block.Columns);
        if (shape.Groups != 1 || w.Inputs != shape.OutChannels || w.Outputs != shape.InChannels * rows.Size * columns.Size
            || rows.Size % shape.Height.Stride != 0 || columns.Size % shape.Width.Stride != 0 || w.Parts[0].Rows != rows.Taps || w.Parts[0].Columns != columns.Taps) throw Mismatch(shape, w);
        nint line = (nint)shape.Width.Input * shape.InChannels;
        var sweep = new Sweep
        {
            Batch = shape.Batch, Height = rows.Axis, Width = columns.Axis, Channels = (int)dyStep,
            YStep = (nint)columns.Size * shape.InChannels, YRow = rows.Size * line, YImage = shape.Height.Input * line,
            BlockRows = rows.Size, BlockRow = line, ResultRows = shape.Height.Input,
        };
        Run([sweep], dy, w, epilogue, dx, workers);
    }

    /// <summary>Whether windows lie side by side and cover the input, so that each position of it is in one of them: a patch embedding.</summary>
    public static bool IsTiled(in ConvolutionShape shape) =>
        shape.Groups == 1 && shape.Width.Kernel > 1 && IsTiled(shape.Height) && IsTiled(shape.Width) && shape.Depth.IsIdentity && shape.Depth.Input == 1;

    /// <summary>The gradient by the input where windows lie side by side, with the weights of <see cref="PackedFilter.OfTiles"/>: a product for each row of a window, which makes whole lines of dx.</summary>
    /// <exception cref="ArgumentException">The weights were packed for another convolution, or windows do not lie side by side.</exception>
    public static void BackwardTiles(in ConvolutionShape shape, float* dy, PackedFilter w, Epilogue epilogue, float* dx, Workers workers)
    {
        int channels = shape.InChannels, width = shape.Width.Kernel;
        if (!IsTiled(shape) || w.Inputs != shape.OutChannels || w.Outputs != width * channels || w.Parts.Length != shape.Height.Kernel) throw Mismatch(shape, w);
        using var repeated = new Scratch(epilogue.Bias == null ? 0 : w.Outputs);
        if (epilogue.Bias != null)
        {
            for (int j = 0; j < width; j++) new ReadOnlySpan<float>(epilogue.Bias, channels).CopyTo(new Span<float>(repeated.Pointer + j * channels, channels));
            epilogue = epilogue with { Bias = repeated.Pointer };
        }
        nint line = (nint)shape.Width.Input * channels;
        var sweeps = new List<Sweep>(w.Parts.Length);
        for (int row = 0; row < w.Parts.Length; row++)
        {
            sweeps.Add(new Sweep
            {
                Batch = shape.Batch, Height = new WindowAxis(shape.Height.Output, shape.Height.Output), Width = new WindowAxis(shape.Width.Output, shape.Width.Output),
                Channels = shape.OutChannels, Part = row, Origin = row * line,
                YStep = (nint)width * channels, YRow = shape.Height.Kernel * line, YImage = shape.Height.Input * line,
            });
        }
        Run(sweeps, dy, w, epilogue, dx, workers);
    }

    private static bool IsTiled(WindowAxis axis) =>
        axis.Stride == axis.Kernel && axis.Dilation == 1 && axis.PadBegin == 0 && axis.PadEnd == 0 && axis.Input == axis.Output * axis.Kernel;

    /// <summary>The axis of a phase; without taps it still has its positions.</summary>
    private static WindowAxis Positions(Convolution.Phase phase, WindowAxis axis, int first) =>
        phase.Taps > 0 ? phase.Axis : new WindowAxis(axis.Output, (axis.Input - first + axis.Stride - 1) / axis.Stride);

    private static ArgumentException Mismatch(in ConvolutionShape shape, PackedFilter w) => new(
        $"The weights were packed for {w.Groups} groups of {w.Inputs} to {w.Outputs} channels in windows of {string.Join(", ", w.Parts.Select(p => $"{p.Rows} x {p.Columns}"))}"
        + $"{(w.IsGradient ? ", for the gradient" : "")}, which is not what this use of {shape} needs. Pack them for the same shape and direction.", nameof(w));

    private static void Run(List<Sweep> whole, float* x, PackedFilter w, Epilogue epilogue, float* y, Workers workers)
    {
        if (whole is [{ IsPointwise: true } only])
        {
            int positions = checked((int)only.Lines * only.Width.Output);
            for (int g = 0; g < w.Groups; g++) PackedProduct.Run(positions, x + (nint)g * w.Inputs, only.Channels, w, g, epilogue, y, only.YStep, workers);
            return;
        }
        var tasks = new List<SweepTask>();
        foreach (Sweep sweep in whole)
        {
            if (sweep.IsEmpty || w.Outputs == 0) continue;
            foreach (Sweep columns in sweep.Columns()) tasks.Add(new SweepTask(columns, w));
        }
        long work = 0;
        int strips = 0;
        foreach (SweepTask task in tasks)
        {
            work += task.Sweep.Lines * task.Sweep.Width.Output * Math.Max(1, w.Parts[task.Sweep.Part].Depth) * w.Outputs * w.Groups;
            strips += task.Strips * w.Groups;
        }
        if (strips == 0) return;
        long wanted = workers.Count == 1 ? 1 : Math.Clamp(work / Work, 1, 4L * workers.Count);
        int chunks = (int)Math.Clamp((wanted + strips - 1) / strips, 1, w.Panels);
        if (wanted == 1) workers = Workers.Single;
        workers.For(strips * chunks, item =>
        {
            var (strip, chunk) = Math.DivRem(item, chunks);
            int t = 0;
            while (strip >= tasks[t].Strips * w.Groups) strip -= tasks[t++].Strips * w.Groups;
            var (at, group) = Math.DivRem(strip, w.Groups);
            tasks[t].Run(at, group, (int)((long)w.Panels * chunk / chunks), (int)((long)w.Panels * (chunk + 1) / chunks), x, w, y, epilogue);
        });
    }
}
