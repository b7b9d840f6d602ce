using Limn.Engine.Kernels;
using Limn.Engine.Kernels.ChannelsLast;

namespace Limn.Engine.Tests.Kernels.ChannelsLast;

public sealed unsafe class PackedProductTests
{
    public static TheoryData<int> Widths => [1, 4, 8, 16];

    [Theory]
    [MemberData(nameof(Widths))]
    public void Product_with_packed_weights_matches_the_naive_one(int width)
    {
        int[] ns = [1, 3, 15, 16, 17, 32, 33, 48, 63, 80];
        var random = new Random(width);
        for (int m = 1; m <= 31; m++) Compare((VectorWidth)width, m, 1 + random.Next(40), ns[random.Next(ns.Length)], random, Naive.Three);
        Compare((VectorWidth)width, 3, 0, 5, random, Workers.Single);
        Compare((VectorWidth)width, 0, 4, 5, random, Workers.Single);
        Compare((VectorWidth)width, 4, 4, 0, random, Workers.Single);
    }

    [Theory]
    [InlineData(130, 512, 48)]
    [InlineData(1, 700, 1000)]
    [InlineData(300, 64, 70)]
    [InlineData(16, 9000, 40)]
    public void Large_products_match_the_naive_one(int m, int k, int n) => Compare(VectorWidths.Best, m, k, n, new Random(m), Naive.Three);

    [Fact]
    public void Any_number_of_threads_gives_the_same_bits()
    {
        foreach (var (m, k, n) in new[] { (1, 1000, 900), (130, 512, 90), (700, 64, 40), (5, 9000, 70) })
        {
            float[] a = Numbers.Random((long)m * k, 1), one = new float[m * n], many = new float[m * n];
            PackedFilter b = PackedFilter.OfMatrix(false, k, n, Numbers.Random((long)k * n, 2));
            for (int threads = 1; threads <= 8; threads++)
            {
                fixed (float* pa = a, pc = threads == 1 ? one : many) PackedProduct.Run(m, pa, k, b, default, pc, n, new Workers(threads));
                if (threads > 1) Naive.SameBits(one, many);
            }
        }
    }

    [Fact]
    public void A_matrix_of_another_size_and_a_convolution_are_refused()
    {
        Assert.Throws<ArgumentException>(() => PackedFilter.OfMatrix(false, 3, 4, new float[11]));
        var shape = new ConvolutionShape { Batch = 1, InChannels = 1, OutChannels = 1, Width = new(5, 3, 3) };
        Assert.Throws<ArgumentException>(() => PackedProduct.Run(1, null, 1, PackedFilter.OfConvolution(shape, new float[3]), default, null, 1, Workers.Single));
    }

    private static void Compare(VectorWidth width, int m, int k, int n, Random random, Workers workers)
    {
        int lda = k + random.Next(3);
        float[] a = Numbers.Random((long)m * lda, 1), b = Numbers.Random((long)k * n, 2);
        bool transposed = random.Next(2) == 0;
        var sums = new double[m * n];
        for (int i = 0; i < m; i++)
        for (int p = 0; p < k; p++)
        for (int j = 0; j < n; j++)
            sums[i * n + j] += (double)a[i * lda + p] * b[transposed ? j * k + p : p * n + j];
        PackedFilter packed = PackedFilter.OfMatrix(transposed, k, n, b, width);
        Epilogues.Check(random, Math.Max(1, n), sums, $"{m} x {k} x {n} with vectors of {width}", (in epilogue, to) =>
        {
            fixed (float* pa = a) PackedProduct.Run(m, pa, lda, packed, epilogue, to, n, workers);
        }, tolerance: Math.Max(1, k / 500.0));
    }
}
