using Limn.Engine.Kernels;

namespace Limn.Engine.Tests.Kernels;

public sealed class GemmTests
{
    public static TheoryData<int> Widths => [1, 4, 8, 16];

    [Theory]
    [MemberData(nameof(Widths))]
    public void Gemm_matches_the_naive_product_at_every_edge_size(int width)
    {
        int[] sizes = [0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17, 23, 24, 25, 31, 33, 40, 47, 49];
        var random = new Random(width);
        int flags = 0;
        foreach (int m in sizes)
        {
            foreach (int n in sizes)
            {
                int k = sizes[random.Next(sizes.Length)];
                Compare((VectorWidth)width, (flags & 1) != 0, (flags & 2) != 0, m, n, k, random, Workers.Single);
                flags++;
            }
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Gemm_matches_the_naive_product_across_blocks_of_depth_rows_and_columns(int width)
    {
        var random = new Random(width);
        foreach (var (m, n, k) in new[] { (137, 53, 530), (9, 500, 257), (3, 301, 300), (301, 3, 300), (260, 7, 70), (1, 700, 33), (40, 40, 512) })
        {
            for (int flags = 0; flags < 4; flags++) Compare((VectorWidth)width, (flags & 1) != 0, (flags & 2) != 0, m, n, k, random, Workers.Single);
        }
    }

    [Fact]
    public void Gemm_does_not_read_c_where_beta_is_zero()
    {
        foreach (var (m, n, k) in new[] { (5, 5, 5), (40, 50, 60), (30, 2, 9), (2, 30, 9), (8, 3, 0) })
        {
            for (int flags = 0; flags < 4; flags++)
            {
                float[] a = Numbers.Random(m * k, 1), b = Numbers.Random(k * n, 2), c = new float[m * n];
                Array.Fill(c, float.NaN);
                Gemm.Multiply((flags & 1) != 0, (flags & 2) != 0, m, n, k, 1, a, (flags & 1) != 0 ? m : k, b, (flags & 2) != 0 ? k : n, 0, c, n, Workers.Single);
                Assert.DoesNotContain(c, float.IsNaN);
            }
        }
    }

    [Fact]
    public void A_bias_is_added_to_every_row_at_every_edge_size()
    {
        foreach (int m in new[] { 1, 2, 7, 8, 9, 17, 140 })
            foreach (int n in new[] { 1, 3, 15, 16, 17, 31, 47, 48, 49, 64, 65, 97 })
                foreach (int k in new[] { 0, 1, 20, 64, 300 })
                    for (int flags = 0; flags < 8; flags++)
                    {
                        bool transA = (flags & 1) != 0, transB = (flags & 2) != 0;
                        float beta = (flags & 4) != 0 ? 1 : -0.5f;
                        float[] a = Numbers.Random(m * k, 1), b = Numbers.Random(k * n, 2), bias = Numbers.Random(n, 3), c = new float[m * n], expected = new float[m * n];
                        for (int i = 0; i < m * n; i++) (c[i], expected[i]) = (float.NaN, bias[i % n]);
                        Gemm.Multiply(transA, transB, m, n, k, 0.75f, a, transA ? m : k, b, transB ? k : n, beta, expected, n, Workers.Single);
                        Gemm.MultiplyAdd(transA, transB, m, n, k, 0.75f, a, transA ? m : k, b, transB ? k : n, beta, bias, c, n, Workers.Single);
                        Naive.SameBits(expected, c);
                    }
    }

    [Fact]
    public void Gemm_with_alpha_zero_scales_c_and_reads_neither_operand()
    {
        float[] a = [float.NaN, 1], b = [1, float.PositiveInfinity], c = [3];
        Gemm.Multiply(false, false, 1, 1, 2, 0, a, 2, b, 1, 2, c, 1, Workers.Single);
        Assert.Equal(6, c[0]);
    }

    [Fact]
    public void Gemm_passes_on_nan_and_infinity_of_its_operands()
    {
        for (int size = 1; size < 60; size += 7)
        {
            float[] a = Numbers.Random(size * size, 1), b = Numbers.Random(size * size, 2), c = new float[size * size];
            a[^1] = float.NaN;
            Gemm.Multiply(false, false, size, size, size, 1, a, size, b, size, 0, c, size, Workers.Single);
            for (int i = 0; i < c.Length; i++) Assert.Equal(i >= size * (size - 1), float.IsNaN(c[i]));
        }
    }

    [Fact]
    public void Gemm_gives_the_same_bits_with_any_number_of_threads()
    {
        foreach (var (m, n, k) in new[] { (200, 300, 300), (512, 49, 300), (7, 2000, 300), (2000, 3, 100), (33, 1001, 520) })
        {
            for (int flags = 0; flags < 4; flags++)
            {
                bool transA = (flags & 1) != 0, transB = (flags & 2) != 0;
                float[] a = Numbers.Random(m * k, 3), b = Numbers.Random(k * n, 4), expected = new float[m * n];
                Gemm.Multiply(transA, transB, m, n, k, 1, a, transA ? m : k, b, transB ? k : n, 0, expected, n, Workers.Single);
                foreach (int threads in new[] { 2, 3, 8 })
                {
                    float[] c = new float[m * n];
                    Gemm.Multiply(transA, transB, m, n, k, 1, a, transA ? m : k, b, transB ? k : n, 0, c, n, new Workers(threads));
                    Assert.True(expected.AsSpan().SequenceEqual(c), $"{m} x {n} x {k}, {threads} threads");
                }
            }
        }
    }

    [Fact]
    public void Batched_products_match_single_ones_and_broadcast_by_repeating_an_offset()
    {
        foreach (int batch in new[] { 0, 1, 3, 9 })
        {
            foreach (int threads in new[] { 1, 3 })
            {
                const int m = 5, n = 6, k = 7;
                float[] a = Numbers.Random(m * k, 5), b = Numbers.Random(batch * k * n, 6), c = new float[batch * m * n], expected = new float[batch * m * n];
                int[] aOffsets = new int[batch], bOffsets = [.. Enumerable.Range(0, batch).Select(i => i * k * n)], cOffsets = [.. Enumerable.Range(0, batch).Select(i => i * m * n)];
                Gemm.MultiplyBatched(false, false, m, n, k, 1, a, k, aOffsets, b, n, bOffsets, 0, c, n, cOffsets, new Workers(threads));
                for (int i = 0; i < batch; i++)
                    Gemm.Multiply(false, false, m, n, k, 1, a, k, b.AsSpan(i * k * n), n, 0, expected.AsSpan(i * m * n), n, Workers.Single);
                Assert.Equal(expected, c);
            }
        }
    }

    [Fact]
    public void Gemm_refuses_matrices_that_do_not_fit_their_spans()
    {
        float[] four = new float[4];
        Assert.Throws<ArgumentException>(() => Gemm.Multiply(false, false, 2, 2, 3, 1, four, 3, four, 2, 0, four, 2, Workers.Single));
        Assert.Throws<ArgumentException>(() => Gemm.Multiply(false, false, 2, 2, 2, 1, four, 1, four, 2, 0, four, 2, Workers.Single));
        Assert.Throws<ArgumentException>(() => Gemm.Multiply(false, false, -1, 2, 2, 1, four, 2, four, 2, 0, four, 2, Workers.Single));
        Assert.Throws<ArgumentException>(() => Gemm.MultiplyBatched(false, false, 2, 2, 2, 1, four, 2, [0], four, 2, [1], 0, four, 2, [0], Workers.Single));
    }

    private static void Compare(VectorWidth width, bool transA, bool transB, int m, int n, int k, Random random, Workers workers)
    {
        int lda = (transA ? m : k) + random.Next(3), ldb = (transB ? k : n) + random.Next(3), ldc = n + random.Next(3);
        float alpha = random.Next(3) - 1.5f, beta = random.Next(3) - 1;
        float[] a = Numbers.Random((transA ? k : m) * lda, 1), b = Numbers.Random((transB ? n : k) * ldb, 2), c = Numbers.Random(m * ldc, 3);
        float[] before = [.. c];
        Gemm.Multiply(width, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, workers);
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < ldc; j++)
            {
                if (j >= n)
                {
                    Assert.Equal(before[i * ldc + j], c[i * ldc + j]);
                    continue;
                }
                double sum = 0, magnitude = 1;
                for (int p = 0; p < k; p++)
                {
                    double term = (double)a[transA ? p * lda + i : i * lda + p] * b[transB ? j * ldb + p : p * ldb + j];
                    sum += term;
                    magnitude += Math.Abs(term);
                }
                double expected = alpha * sum + beta * before[i * ldc + j];
                Assert.True(Math.Abs(expected - c[i * ldc + j]) < 1e-6 * magnitude * 2, $"{width} {transA} {transB} {m}x{n}x{k} at {i},{j}: {expected} {c[i * ldc + j]}");
            }
        }
    }
}
