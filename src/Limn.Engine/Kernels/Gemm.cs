using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Limn.Engine.Kernels;

/// <summary>The product of matrices: C = alpha * op(A) * op(B) + beta * C, row-major float32.</summary>
/// <remarks>
/// <para>op(A) is [m, k] and op(B) is [k, n]; a transposed operand is stored the other way round. C is not read where beta is 0, and A and B are
/// not read where alpha or k is 0, as in the BLAS. Sums are in float32 over blocks of at most <see cref="BlockedProduct.DepthBlock"/> terms, fused where
/// the processor can, so the last digits depend on the processor and on the shape, and never on the number of threads.</para>
/// <para>C must not overlap A or B.</para>
/// </remarks>
internal static unsafe class Gemm
{
    /// <summary>Rows (or columns) of C up to which scalar products of rows beat packing a transposed operand, and the same for a short depth.</summary>
    private const int Narrow = 16, NarrowAndShort = 3, ShortDepth = 64;

    /// <summary>
    /// C = alpha * op(A) * op(B) + beta * C. With <paramref name="transA"/> A is stored [k, m] rather than [m, k], with <paramref name="transB"/>
    /// B is stored [n, k] rather than [k, n]; <paramref name="lda"/>, <paramref name="ldb"/> and <paramref name="ldc"/> are the floats from one
    /// stored row to the next.
    /// </summary>
    /// <exception cref="ArgumentException">A size is negative, a leading dimension is shorter than a row, or a span is too short.</exception>
    public static void Multiply(
        bool transA, bool transB, int m, int n, int k, float alpha, ReadOnlySpan<float> a, int lda, ReadOnlySpan<float> b, int ldb,
        float beta, Span<float> c, int ldc, Workers workers) =>
        Multiply(VectorWidths.Best, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, workers);

    /// <summary>The same with vectors of a chosen width, which tests use to run all of them.</summary>
    internal static void Multiply(
        VectorWidth width, bool transA, bool transB, int m, int n, int k, float alpha, ReadOnlySpan<float> a, int lda, ReadOnlySpan<float> b, int ldb,
        float beta, Span<float> c, int ldc, Workers workers)
    {
        Check(transA, transB, m, n, k, a.Length, lda, b.Length, ldb, c.Length, ldc);
        fixed (float* pa = a, pb = b, pc = c) Multiply(width, transA, transB, m, n, k, alpha, pa, lda, pb, ldb, beta, pc, ldc, workers);
    }

    /// <summary>C = alpha * op(A) * op(B) + beta * (the bias in every row), with a number of the bias for each column of C; the rest as for a product without.</summary>
    /// <exception cref="ArgumentException">As for a product without bias, or the bias has another length.</exception>
    public static void MultiplyAdd(
        bool transA, bool transB, int m, int n, int k, float alpha, ReadOnlySpan<float> a, int lda, ReadOnlySpan<float> b, int ldb,
        float beta, ReadOnlySpan<float> bias, Span<float> c, int ldc, Workers workers)
    {
        Check(transA, transB, m, n, k, a.Length, lda, b.Length, ldb, c.Length, ldc);
        if (bias.Length != n) throw new ArgumentException($"A bias of {bias.Length} numbers does not fit {n} columns.", nameof(bias));
        if (k == 0 || alpha == 0 || beta == 0 || m == 0 || n == 0 || SuitsDots(transA, transB, m, n, k) || SuitsColumns(transA, transB, m, n))
        {
            if (n == 1 && ldc == 1) c[..m].Fill(bias[0]);
            else for (int i = 0; i < m && beta != 0; i++) bias.CopyTo(c.Slice(i * ldc, n));
            Multiply(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, workers);
            return;
        }
        fixed (float* pa = a, pb = b, pc = c, start = bias)
        {
            var left = new LeftOperand((nint)pa, transA ? 1 : lda, transA ? lda : 1);
            if (transB)
                BlockedProduct.Run(VectorWidths.Best, m, n, k, alpha, left, new TransposedOperand(pb, ldb), beta, pc, ldc, default, workers, start);
            else
                BlockedProduct.Run(VectorWidths.Best, m, n, k, alpha, left, new RowMajorOperand(pb, ldb), beta, pc, ldc, default, workers, start);
        }
    }

    /// <summary>
    /// A product for each entry of the offsets: C at cOffsets[i] = alpha * op(A at aOffsets[i]) * op(B at bOffsets[i]) + beta * C.
    /// An operand that is broadcast has the same offset several times; the blocks of C must not overlap.
    /// </summary>
    /// <exception cref="ArgumentException">As for one product, or the offsets differ in number or leave their span.</exception>
    public static void MultiplyBatched(
        bool transA, bool transB, int m, int n, int k, float alpha, ReadOnlySpan<float> a, int lda, ReadOnlySpan<int> aOffsets,
        ReadOnlySpan<float> b, int ldb, ReadOnlySpan<int> bOffsets, float beta, Span<float> c, int ldc, ReadOnlySpan<int> cOffsets, Workers workers)
    {
        int batch = cOffsets.Length;
        if (aOffsets.Length != batch || bOffsets.Length != batch)
            throw new ArgumentException($"A batched product needs as many offsets for A ({aOffsets.Length}) and B ({bOffsets.Length}) as for C ({batch}).", nameof(aOffsets));
        for (int i = 0; i < batch; i++)
        {
            if (aOffsets[i] < 0 || bOffsets[i] < 0 || cOffsets[i] < 0)
                throw new ArgumentException($"Offset {i} of a batched product is negative ({aOffsets[i]}, {bOffsets[i]}, {cOffsets[i]}).", nameof(aOffsets));
            Check(transA, transB, m, n, k, a.Length - aOffsets[i], lda, b.Length - bOffsets[i], ldb, c.Length - cOffsets[i], ldc);
        }
        fixed (float* fixedA = a, fixedB = b, fixedC = c)
        fixed (int* fixedAs = aOffsets, fixedBs = bOffsets, fixedCs = cOffsets)
        {
            float* pa = fixedA, pb = fixedB, pc = fixedC;
            int* pas = fixedAs, pbs = fixedBs, pcs = fixedCs;
            // Many products go one to a thread; few are each cut up. Either way an element is computed the same.
            bool oneEach = batch >= 2 * workers.Count;
            Workers inner = oneEach ? Workers.Single : workers;
            if (oneEach && workers.Count > 1)
                workers.Ranges(batch, (int)Math.Clamp((1 << 15) / ((long)m * n * k + 1), 1, int.MaxValue), Products);
            else
                Products(0, batch);

            void Products(int from, int to)
            {
                for (int i = from; i < to; i++)
                    Multiply(VectorWidths.Best, transA, transB, m, n, k, alpha, pa + pas[i], lda, pb + pbs[i], ldb, beta, pc + pcs[i], ldc, inner);
            }
        }
    }

    private static void Multiply(
        VectorWidth width, bool transA, bool transB, int m, int n, int k, float alpha, float* a, nint lda, float* b, nint ldb,
        float beta, float* c, nint ldc, Workers workers)
    {
        if (m == 0 || n == 0) return;
        if (k == 0 || alpha == 0)
        {
            Scale(m, n, beta, c, ldc);
        }
        else if (SuitsDots(transA, transB, m, n, k))
        {
            Dots(width, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, workers);
        }
        else if (SuitsColumns(transA, transB, m, n))
        {
            NarrowColumns(width, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, workers);
        }
        else
        {
            var left = new LeftOperand((nint)a, transA ? 1 : lda, transA ? lda : 1);
            if (transB)
                BlockedProduct.Run(width, m, n, k, alpha, left, new TransposedOperand(b, ldb), beta, c, ldc, default, workers);
            else
                BlockedProduct.Run(width, m, n, k, alpha, left, new RowMajorOperand(b, ldb), beta, c, ldc, default, workers);
        }
    }

    private static bool SuitsDots(bool transA, bool transB, int m, int n, int k) => !transA && transB && Math.Min(m, n) <= (k < ShortDepth ? NarrowAndShort : Narrow);

    private static bool SuitsColumns(bool transA, bool transB, int m, int n) => n < Math.Min(m, Narrow / 2) && !(!transA && transB);

    /// <summary>Few columns would leave most of a vector empty, so the vectors run along the depth or along the rows of C instead.</summary>
    private static void NarrowColumns(
        VectorWidth width, bool transA, bool transB, int m, int n, int k, float alpha, float* a, nint lda, float* b, nint ldb,
        float beta, float* c, nint ldc, Workers workers)
    {
        if (!transA)
        {
            using var scratch = new Scratch((long)n * k);
            Transposing.Run(b, ldb, k, n, scratch.Pointer, k);
            Dots(width, m, n, k, alpha, a, lda, scratch.Pointer, k, beta, c, ldc, workers);
            return;
        }
        using var turned = new Scratch((long)n * m);
        var left = new LeftOperand((nint)b, transB ? ldb : 1, transB ? 1 : ldb);
        BlockedProduct.Run(width, n, m, k, alpha, left, new RowMajorOperand(a, lda), 0, turned.Pointer, m, default, workers);
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                float sum = turned.Pointer[(nint)j * m + i];
                c[i * ldc + j] = beta == 0 ? sum : float.MultiplyAddEstimate(beta, c[i * ldc + j], sum);
            }
        }
    }

    /// <summary>C(i, j) = alpha * (row i of A) · (row j of B) + beta * C(i, j), both stored with the depth contiguous.</summary>
    internal static void Dots(
        VectorWidth width, int m, int n, int k, float alpha, float* a, nint lda, float* b, nint ldb, float beta, float* c, nint ldc, Workers workers)
    {
        const long worthAThread = 1 << 15;
        bool alongRows = m > n;
        int length = alongRows ? m : n;
        long each = (long)k * (alongRows ? n : m);
        workers.Ranges(length, (int)Math.Clamp(worthAThread / each, 4, int.MaxValue), Part);

        void Part(int from, int to)
        {
            float* pa = alongRows ? a + from * lda : a, pb = alongRows ? b : b + from * ldb;
            float* pc = c + (alongRows ? from * ldc : from);
            if (n == 1 && alongRows) Dots(width, to - from, k, pa, lda, pb, pc, ldc, alpha, beta);
            else if (m == 1) Dots(width, to - from, k, pb, ldb, pa, pc, 1, alpha, beta);
            else Dots(width, alongRows ? to - from : m, alongRows ? n : to - from, k, pa, lda, pb, ldb, pc, ldc, alpha, beta);
        }
    }

    /// <summary>Scalar products of rows with one vector.</summary>
    private static void Dots(VectorWidth width, int rows, int k, float* a, nint lda, float* b, float* c, nint step, float alpha, float beta)
    {
        switch (width)
        {
            case VectorWidth.Vector512: VectorDot<Lane512, Vector512<float>>.Run(rows, k, a, lda, b, c, step, alpha, beta); break;
            case VectorWidth.Vector256: VectorDot<Lane256, Vector256<float>>.Run(rows, k, a, lda, b, c, step, alpha, beta); break;
            case VectorWidth.Vector128: VectorDot<Lane128, Vector128<float>>.Run(rows, k, a, lda, b, c, step, alpha, beta); break;
            default: VectorDot<LaneScalar, float>.Run(rows, k, a, lda, b, c, step, alpha, beta); break;
        }
    }

    internal static void Dots(VectorWidth width, int m, int n, int k, float* a, nint lda, float* b, nint ldb, float* c, nint ldc, float alpha, float beta)
    {
        switch (width)
        {
            case VectorWidth.Vector512: DotKernel<Lane512, Vector512<float>>.Run(m, n, k, a, lda, b, ldb, c, ldc, 1, alpha, beta); break;
            case VectorWidth.Vector256: DotKernel<Lane256, Vector256<float>>.Run(m, n, k, a, lda, b, ldb, c, ldc, 1, alpha, beta); break;
            case VectorWidth.Vector128: DotKernel<Lane128, Vector128<float>>.Run(m, n, k, a, lda, b, ldb, c, ldc, 1, alpha, beta); break;
            default: DotKernel<LaneScalar, float>.Run(m, n, k, a, lda, b, ldb, c, ldc, 1, alpha, beta); break;
        }
    }

    private static void Scale(int m, int n, float beta, float* c, nint ldc)
    {
        for (int i = 0; i < m; i++)
        {
            var row = new Span<float>(c + i * ldc, n);
            if (beta == 0)
            {
                row.Clear();
                continue;
            }
            foreach (ref float value in row) value *= beta;
        }
    }

    private static void Check(bool transA, bool transB, int m, int n, int k, int a, int lda, int b, int ldb, int c, int ldc)
    {
        if (m < 0 || n < 0 || k < 0) throw new ArgumentException($"The sizes of a matrix product cannot be negative, and m, n, k are {m}, {n}, {k}.", nameof(m));
        Check("A", transA ? k : m, transA ? m : k, lda, a);
        Check("B", transB ? n : k, transB ? k : n, ldb, b);
        Check("C", m, n, ldc, c);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Check(string name, int rows, int columns, int leading, int length)
    {
        if (rows == 0 || columns == 0) return;
        if (leading < columns || (long)(rows - 1) * leading + columns > length)
            throw new ArgumentException($"Matrix {name} of {rows} x {columns} with leading dimension {leading} does not fit its {length} floats.", name);
    }
}
