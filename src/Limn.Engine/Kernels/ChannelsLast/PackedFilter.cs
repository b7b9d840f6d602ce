namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>The weights of a convolution or of a product, laid out once in the order in which the kernels read them.</summary>
/// <remarks>
/// A part holds for each group of channels its panels one after another; a panel is at most <see cref="RegisterTile{TLane, TVector}.MostVectors"/>
/// vectors of output channels wide, zeros beyond the last, and has a row for each tap and input channel: row (tap, c) of a convolution, row k of a matrix.
/// The gradient by the input of a convolution with stride s has up to s × s parts, one for each place of an input position modulo the stride.
/// </remarks>
internal sealed unsafe class PackedFilter
{
    private const int LineBytes = 64;
    private readonly float[] memory;
    private readonly float* start;

    private PackedFilter(VectorWidth vectors, int groups, int inputs, int outputs, bool isGradient, ReadOnlySpan<(int Rows, int Columns)> windows)
    {
        Vectors = vectors;
        Groups = groups;
        Inputs = inputs;
        Outputs = outputs;
        IsGradient = isGradient;
        OutputVectors = (outputs + (int)vectors - 1) / (int)vectors;
        var parts = new Part[windows.Length];
        long length = 0;
        for (int i = 0; i < parts.Length; i++)
        {
            var (rows, columns) = windows[i];
            long depth = (long)rows * columns * inputs;
            if (depth > int.MaxValue) throw new ArgumentException($"A window of {rows} x {columns} positions of {inputs} channels has more weights than an index can count.", nameof(windows));
            parts[i] = new Part(rows, columns, (int)depth, length);
            length = checked(length + groups * depth * PaddedOutputs);
        }
        Parts = parts;
        if (length > Array.MaxLength - LineBytes) throw new OutOfMemoryException($"Packed weights of {length} floats are more than one array holds.");
        memory = GC.AllocateUninitializedArray<float>((int)length + LineBytes / sizeof(float), pinned: true);
        fixed (float* first = memory) start = (float*)(((nint)first + LineBytes - 1) & ~(nint)(LineBytes - 1));
    }

    /// <summary>The vectors that the panels are made of.</summary>
    public VectorWidth Vectors { get; }

    public int Groups { get; }

    /// <summary>Channels that a group reads: the input channels of the product.</summary>
    public int Inputs { get; }

    /// <summary>Channels that a group computes, times the positions of a block.</summary>
    public int Outputs { get; }

    /// <summary>The block of positions that the gradient of few channels computes as one, with all their channels; 1 x 1 for none.</summary>
    public (int Rows, int Columns) Block { get; private init; } = (1, 1);

    /// <summary>Whether these are the weights of a convolution's gradient by its input.</summary>
    public bool IsGradient { get; }

    /// <summary>Bytes of memory that the packed weights take.</summary>
    public long ByteSize => (long)memory.Length * sizeof(float);

    internal Part[] Parts { get; }

    /// <summary>Vectors that the output channels of a group fill.</summary>
    internal int OutputVectors { get; }

    /// <summary>Panels of a group: pairs of vectors, the last three together where their number is odd.</summary>
    internal int Panels => Math.Max(OutputVectors / 2, Math.Min(OutputVectors, 1));

    private int PaddedOutputs => OutputVectors * (int)Vectors;

    /// <summary>Packs the weights [OutChannels, InChannels / Groups, kH, kW] of a convolution.</summary>
    /// <exception cref="ArgumentException">The number of weights is not the shape's, or the shape is not two-dimensional.</exception>
    public static PackedFilter OfConvolution(in ConvolutionShape shape, ReadOnlySpan<float> w) => OfConvolution(shape, w, VectorWidths.Best);

    internal static PackedFilter OfConvolution(in ConvolutionShape shape, ReadOnlySpan<float> w, VectorWidth vectors)
    {
        Require(shape, w.Length);
        int height = shape.Height.Kernel, width = shape.Width.Kernel, volume = height * width;
        var packed = new PackedFilter(vectors, shape.Groups, shape.InPerGroup, shape.OutPerGroup, isGradient: false, [(height, width)]);
        int[] taps = new int[volume];
        for (int t = 0; t < volume; t++) taps[t] = t;
        packed.Pack(0, w, (nint)shape.OutPerGroup * shape.InPerGroup * volume, (nint)shape.InPerGroup * volume, volume, taps);
        return packed;
    }

    /// <summary>Packs the weights [OutChannels, InChannels / Groups, kH, kW] of a convolution for its gradient by the input.</summary>
    /// <exception cref="ArgumentException">The number of weights is not the shape's, or the shape is not two-dimensional.</exception>
    public static PackedFilter OfInputGradient(in ConvolutionShape shape, ReadOnlySpan<float> w) => OfInputGradient(shape, w, VectorWidths.Best);

    internal static PackedFilter OfInputGradient(in ConvolutionShape shape, ReadOnlySpan<float> w, VectorWidth vectors)
    {
        Require(shape, w.Length);
        var (blockRows, blockColumns) = GradientBlock.Choose(shape, vectors);
        if (blockRows * blockColumns > 1) return OfBlocks(shape, w, vectors, new(shape.Height, blockRows), new(shape.Width, blockColumns));
        int strideY = shape.Height.Stride, strideX = shape.Width.Stride, volume = shape.Height.Kernel * shape.Width.Kernel;
        var windows = new (int, int)[strideY * strideX];
        for (int i = 0; i < windows.Length; i++)
            windows[i] = (new Convolution.Phase(shape.Height, i / strideX).Taps, new Convolution.Phase(shape.Width, i % strideX).Taps);
        var packed = new PackedFilter(vectors, shape.Groups, shape.OutPerGroup, shape.InPerGroup, isGradient: true, windows);
        for (int i = 0; i < windows.Length; i++)
        {
            var rows = new Convolution.Phase(shape.Height, i / strideX);
            var columns = new Convolution.Phase(shape.Width, i % strideX);
            int[] taps = new int[rows.Taps * columns.Taps];
            for (int t = 0; t < taps.Length; t++)
            {
                var (row, column) = Math.DivRem(taps.Length - 1 - t, columns.Taps);
                taps[t] = rows.Tap(row) * shape.Width.Kernel + columns.Tap(column);
            }
            packed.Pack(i, w, (nint)shape.OutPerGroup * shape.InPerGroup * volume, volume, (nint)shape.InPerGroup * volume, taps);
        }
        return packed;
    }

    /// <summary>Packs the weights [OutChannels, InChannels, kH, kW] of a convolution whose windows lie side by side, for its gradient by the input: a part for each row of a window.</summary>
    /// <exception cref="ArgumentException">The number of weights is not the shape's, or the windows do not lie side by side.</exception>
    public static PackedFilter OfTiles(in ConvolutionShape shape, ReadOnlySpan<float> w)
    {
        Require(shape, w.Length);
        if (!ChannelsLastConvolution.IsTiled(shape)) throw new ArgumentException("The windows of this convolution do not lie side by side.", nameof(shape));
        int height = shape.Height.Kernel, width = shape.Width.Kernel, channels = shape.InChannels, outputs = width * channels;
        var windows = new (int, int)[height];
        Array.Fill(windows, (1, 1));
        var packed = new PackedFilter(VectorWidths.Best, 1, shape.OutChannels, outputs, isGradient: true, windows);
        var row = new float[shape.OutChannels * outputs];
        for (int i = 0; i < height; i++)
        {
            for (int o = 0; o < shape.OutChannels; o++)
            {
                for (int c = 0; c < channels; c++)
                    for (int j = 0; j < width; j++) row[o * outputs + j * channels + c] = w[((o * channels + c) * height + i) * width + j];
            }
            packed.Pack(i, row, 0, 1, outputs, [0]);
        }
        return packed;
    }

    /// <summary>Packs the right factor of a product: [k, n], or [n, k] where it is transposed.</summary>
    /// <exception cref="ArgumentException">The span does not hold k · n numbers.</exception>
    public static PackedFilter OfMatrix(bool transposed, int k, int n, ReadOnlySpan<float> b) => OfMatrix(transposed, k, n, b, VectorWidths.Best);

    internal static PackedFilter OfMatrix(bool transposed, int k, int n, ReadOnlySpan<float> b, VectorWidth vectors)
    {
        if (k < 0 || n < 0 || b.Length != (long)k * n) throw new ArgumentException($"A matrix of {k} by {n} has {(long)k * n} elements, and got {b.Length}.", nameof(b));
        var packed = new PackedFilter(vectors, 1, k, n, isGradient: false, [(1, 1)]);
        packed.Pack(0, b, 0, transposed ? k : 1, transposed ? 1 : n, [0]);
        return packed;
    }

    /// <summary>How many vectors a panel is wide.</summary>
    internal int PanelVectors(int panel) => panel < Panels - 1 ? 2 : OutputVectors - 2 * panel;

    /// <summary>Where a panel starts.</summary>
    internal float* Panel(int part, int group, int panel) =>
        start + Parts[part].Offset + (nint)Parts[part].Depth * ((nint)group * PaddedOutputs + 2 * panel * (int)Vectors);

    private static void Require(in ConvolutionShape shape, int weights)
    {
        if (!shape.Depth.IsIdentity || shape.Depth.Input != 1)
            throw new ArgumentException($"Channels-last convolutions have two spatial axes, and this one has a depth of {shape.Depth}.", nameof(shape));
        shape.Height.Validate(nameof(shape.Height));
        shape.Width.Validate(nameof(shape.Width));
        if (weights != shape.WeightLength) throw new ArgumentException($"The convolution has {shape.WeightLength} weights, and got {weights}.", nameof(weights));
    }

    /// <summary>Puts weight (group, output, input, tap) of w, found by its steps, where the kernels look for it.</summary>
    private void Pack(int part, ReadOnlySpan<float> w, nint groupStep, nint outputStep, nint inputStep, ReadOnlySpan<int> taps)
    {
        fixed (float* weights = w)
        {
            for (int group = 0; group < Groups; group++)
            {
                for (int panel = 0; panel < Panels; panel++)
                {
                    int first = 2 * panel * (int)Vectors, width = PanelVectors(panel) * (int)Vectors, real = Math.Min(width, Outputs - first);
                    float* to = Panel(part, group, panel), from = weights + group * groupStep + first * outputStep;
                    foreach (int tap in taps)
                    {
                        for (int c = 0; c < Inputs; c++, to += width)
                        {
                            float* source = from + c * inputStep + tap;
                            for (int o = 0; o < real; o++) to[o] = source[o * outputStep];
                            for (int o = real; o < width; o++) to[o] = 0;
                        }
                    }
                }
            }
        }
    }

    /// <summary>Output (i, j, c) is channel c of position (i, j) of the block; where that does not meet the window's (u, v) its weight is 0.</summary>
    private static PackedFilter OfBlocks(in ConvolutionShape shape, ReadOnlySpan<float> w, VectorWidth vectors, GradientBlock rows, GradientBlock columns)
    {
        int channels = shape.InChannels, outputs = rows.Size * columns.Size * channels, volume = shape.Height.Kernel * shape.Width.Kernel;
        var packed = new PackedFilter(vectors, 1, shape.OutChannels, outputs, isGradient: true, [(rows.Taps, columns.Taps)]) { Block = (rows.Size, columns.Size) };
        float* to = packed.Panel(0, 0, 0);
        for (int u = 0; u < rows.Taps; u++)
        {
            for (int v = 0; v < columns.Taps; v++)
            {
                for (int o = 0; o < shape.OutChannels; o++, to += (int)vectors)
                {
                    new Span<float>(to, (int)vectors).Clear();
                    for (int lane = 0; lane < outputs; lane++)
                    {
                        var (position, channel) = Math.DivRem(lane, channels);
                        int row = rows.Tap(position / columns.Size, u), column = columns.Tap(position % columns.Size, v);
                        if (row >= 0 && column >= 0) to[lane] = w[(o * channels + channel) * volume + row * shape.Width.Kernel + column];
                    }
                }
            }
        }
        return packed;
    }

    /// <summary>A window's packed weights.</summary>
    /// <param name="Rows">Taps of the window downwards.</param>
    /// <param name="Columns">Taps of the window across.</param>
    /// <param name="Depth">Rows of a panel: taps by input channels.</param>
    /// <param name="Offset">Floats before the part.</param>
    internal readonly record struct Part(int Rows, int Columns, int Depth, long Offset);
}
