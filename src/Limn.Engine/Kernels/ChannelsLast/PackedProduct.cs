namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>C = A · B for a packed B.</summary>
internal static unsafe class PackedProduct
{
    /// <summary>Bytes of A, and of the result where B is no more than that, which stay in the second-level cache while the panels of B pass.</summary>
    private const int BlockBytes = 1 << 19;

    /// <summary>Bytes of A from which on it comes from beyond that cache, and a block of it sooner leaves there than B.</summary>
    private const int FarBytes = 1 << 20;

    /// <summary>Multiply-adds that are worth a thread.</summary>
    private const long Work = 1 << 18;

    /// <summary>C = A · B, finished by <paramref name="epilogue"/>: A is [m, k] with rows <paramref name="lda"/> apart, C [m, n] with rows <paramref name="ldc"/> apart.</summary>
    /// <remarks>The epilogue's residual and gate have their rows <paramref name="ldc"/> apart too.</remarks>
    /// <exception cref="ArgumentException">B is the weights of more than a matrix.</exception>
    public static void Run(int m, float* a, nint lda, PackedFilter b, in Epilogue epilogue, float* c, nint ldc, Workers workers)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(m);
        if (b.Parts is not [{ Rows: 1, Columns: 1 }] || b.Groups != 1 || b.Block != (1, 1))
            throw new ArgumentException("The right factor of a product is packed by PackedFilter.OfMatrix or is a 1 x 1 convolution with stride 1 and one group.", nameof(b));
        Run(m, a, lda, b, 0, epilogue, c, ldc, workers);
    }

    internal static void Run(int m, float* a, nint lda, PackedFilter b, int group, Epilogue epilogue, float* c, nint ldc, Workers workers)
    {
        int k = b.Inputs, panels = b.Panels;
        if (m == 0 || panels == 0) return;
        int beside = (long)k * b.Outputs * sizeof(float) <= BlockBytes ? b.Outputs : 0;
        int most = (int)Math.Clamp(BlockBytes / sizeof(float) / (Math.Clamp(k, 1, PanelWalk.RowDepth) + beside), 56, 1 << 12);
        bool isFar = panels == 1 || (long)m * k * sizeof(float) > FarBytes;
        long wanted = workers.Count == 1 ? 1 : Math.Clamp((long)m * k * b.Outputs / Work, 1, 4L * workers.Count);
        int blocks = (int)Math.Max((m + (long)most - 1) / most, Math.Min(wanted, (m + 55) / 56)), chunks = (int)Math.Clamp((wanted + blocks - 1) / blocks, 1, panels);
        workers.For(blocks * chunks, item =>
        {
            int block = item / chunks, chunk = item % chunks, first = Cut(m, blocks, block), rows = Cut(m, blocks, block + 1) - first;
            int firstPanel = Cut(panels, chunks, chunk), endPanel = Cut(panels, chunks, chunk + 1);
            Block(rows, a + first * lda, lda, b, group, firstPanel, endPanel, epilogue, c, c + first * ldc, ldc, isFar);
        });
    }

    private static int Cut(int length, int parts, int part) => (int)((long)length * part / parts);

    private static void Block(
        int rows, float* a, nint lda, PackedFilter b, int group, int firstPanel, int endPanel, in Epilogue epilogue, float* whole, float* c, nint ldc, bool isFar)
    {
        int k = b.Inputs;
        ReadOnlySpan<nint> segments = [0];
        if (Ways.Collide(lda) && rows > Ways.Rows && endPanel - firstPanel > 1)
        {
            nint step = k + Ways.Line;
            using var scratch = new Scratch(rows * step);
            for (int r = 0; r < rows; r++) new ReadOnlySpan<float>(a + r * lda, k).CopyTo(new Span<float>(scratch.Pointer + r * step, k));
            Walk(scratch.Pointer, step, segments, epilogue);
        }
        else Walk(a, lda, segments, epilogue);

        void Walk(float* from, nint step, ReadOnlySpan<nint> segments, in Epilogue epilogue)
        {
            var line = new Line(from, c, 0, 1);
            var strip = new Strip { Lines = new ReadOnlySpan<Line>(in line), Positions = rows, AStep = step, YStep = ldc, Segments = segments, SegmentLength = k, IsFar = isFar && from == a };
            PanelWalk.Run(strip, b, 0, group, firstPanel, endPanel, whole, epilogue);
        }
    }
}

/// <summary>When rows of A fall on the same few lines of the first-level cache and drive each other out.</summary>
internal static class Ways
{
    /// <summary>Rows that the cache holds however they lie.</summary>
    public const int Rows = 4;

    /// <summary>Floats in a line of the cache, by which rows are moved apart.</summary>
    public const int Line = 16;

    public static bool Collide(nint step) => step != 0 && step * sizeof(float) % 2048 == 0;
}
