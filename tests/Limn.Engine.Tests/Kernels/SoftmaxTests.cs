using Limn.Engine.Kernels;

namespace Limn.Engine.Tests.Kernels;

public sealed class SoftmaxTests
{
    [Fact]
    public void Softmax_and_its_logarithm_match_double_at_every_length_and_layout()
    {
        var random = new Random(21);
        for (int n = 0; n <= 70; n++)
        {
            Check(random, 2, n, 1);
            Check(random, 2, 3, n);
            Check(random, n, 5, 1);
            Check(random, 1, n, 3);
        }
        Check(random, 2, 7, 600);
        Check(random, 0, 3, 2);
    }

    [Fact]
    public void Their_products_with_the_jacobian_match_double()
    {
        var random = new Random(22);
        foreach ((int outer, int axis, int inner) in new[] { (2, 1, 1), (3, 9, 1), (2, 37, 1), (2, 5, 3), (1, 4, 300), (2, 0, 3), (2, 67, 1) })
        {
            float[] x = Naive.Floats(random, outer * axis * inner), dy = Naive.Floats(random, x.Length);
            float[] y = new float[x.Length], dx = new float[x.Length], log = new float[x.Length], dlog = new float[x.Length];
            SoftmaxKernels.Softmax(x, y, outer, axis, inner, Naive.Three);
            SoftmaxKernels.SoftmaxBackward(y, dy, dx, outer, axis, inner, Naive.Three);
            SoftmaxKernels.LogSoftmax(x, log, outer, axis, inner, Naive.Three);
            SoftmaxKernels.LogSoftmaxBackward(log, dy, dlog, outer, axis, inner, Naive.Three);
            for (int line = 0; line < outer * inner; line++)
            {
                int[] at = Line(line, axis, inner);
                double dot = at.Sum(i => (double)y[i] * dy[i]), sum = at.Sum(i => (double)dy[i]);
                foreach (int i in at)
                {
                    Naive.Close(y[i] * (dy[i] - dot), dx[i], 1e-6);
                    Naive.Close(dy[i] - Math.Exp(log[i]) * sum, dlog[i], 2e-6 * Math.Max(1, Math.Abs(sum)));
                }
            }
            SoftmaxKernels.SoftmaxBackward(y, dy, dy, outer, axis, inner, Workers.Single);
            Naive.SameBits(dx, dy);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Rows_without_a_finite_maximum_become_NaN(int inner)
    {
        foreach (float poison in new[] { float.NegativeInfinity, float.PositiveInfinity, float.NaN })
        {
            var x = new float[20 * inner];
            if (float.IsNegativeInfinity(poison)) Array.Fill(x, poison);
            else x[7 * inner] = poison;
            float[] y = new float[x.Length], log = new float[x.Length];
            SoftmaxKernels.Softmax(x, y, 1, 20, inner, Workers.Single);
            SoftmaxKernels.LogSoftmax(x, log, 1, 20, inner, Workers.Single);
            Assert.True(float.IsNaN(y[7 * inner]) && float.IsNaN(log[7 * inner]), $"{poison}");
            if (float.IsNaN(poison)) Assert.True(float.IsNaN(y[0]) && float.IsNaN(log[0]));
        }
    }

    [Fact]
    public void Masked_elements_get_exactly_nothing_and_large_ones_do_not_overflow()
    {
        float[] x = [1e30f, float.NegativeInfinity, 1e30f, -1e30f], y = new float[4];
        SoftmaxKernels.Softmax(x, y, 1, 4, 1, Workers.Single);
        Assert.Equal([0.5f, 0f, 0.5f, 0f], y);
        SoftmaxKernels.LogSoftmax(x, y, 1, 4, 1, Workers.Single);
        Assert.Equal(float.NegativeInfinity, y[1]);
    }

    [Fact]
    public void The_number_of_threads_does_not_change_the_bits()
    {
        var random = new Random(23);
        foreach ((int outer, int axis, int inner) in new[] { (500, 301, 1), (4, 60, 1000) })
        {
            float[] x = Naive.Floats(random, outer * axis * inner), one = new float[x.Length], three = new float[x.Length];
            SoftmaxKernels.Softmax(x, one, outer, axis, inner, Workers.Single);
            SoftmaxKernels.Softmax(x, three, outer, axis, inner, Naive.Three);
            Naive.SameBits(one, three);
            SoftmaxKernels.LogSoftmaxBackward(x, one, x, outer, axis, inner, Naive.Three);
        }
    }

    private static void Check(Random random, int outer, int axis, int inner)
    {
        float[] x = Naive.Floats(random, outer * axis * inner, 12), y = new float[x.Length], log = new float[x.Length];
        SoftmaxKernels.Softmax(x, y, outer, axis, inner, Naive.Three);
        SoftmaxKernels.LogSoftmax(x, log, outer, axis, inner, Naive.Three);
        for (int line = 0; axis > 0 && line < outer * inner; line++)
        {
            int[] at = Line(line, axis, inner);
            double total = at.Sum(i => Math.Exp(x[i]));
            foreach (int i in at)
            {
                double expected = Math.Exp(x[i]) / total;

                // x − max, rounded to float, is off by up to 1e-6 where the two are 24 apart; the exponential makes that relative.
                Assert.True(Math.Abs(y[i] - expected) <= 2e-6 * expected, $"[{outer}, {axis}, {inner}]: expected {expected:G9}, got {y[i]:G9}");
                Naive.Close(Math.Log(expected), log[i], 1e-6);
            }
        }
        SoftmaxKernels.Softmax(x, x, outer, axis, inner, Workers.Single);
        Naive.SameBits(y, x);
    }

    private static int[] Line(int line, int axis, int inner) => [.. Enumerable.Range(0, axis).Select(k => (line / inner * axis + k) * inner + line % inner)];

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_nearly_certain_class_keeps_its_gradient(int inner)
    {
        // Logits (16, 0, 1): 1 − p₀ is about 4·10⁻⁷, of which float keeps hardly a digit when it is subtracted from 1.
        float[] logits = [16, 0, 1], x = new float[3 * inner], seed = new float[3 * inner], y = new float[3 * inner], dx = new float[3 * inner];
        for (int k = 0; k < 3; k++) x.AsSpan(k * inner, inner).Fill(logits[k]);
        seed.AsSpan(0, inner).Fill(1);
        double rest = Math.Exp(-16) + Math.Exp(-15), expected = rest / (1 + rest);

        SoftmaxKernels.LogSoftmax(x, y, 1, 3, inner, Workers.Single);
        SoftmaxKernels.LogSoftmaxBackward(y, seed, dx, 1, 3, inner, Workers.Single);
        for (int i = 0; i < inner; i++) Assert.Equal(1, dx[i] / expected, 1e-5);

        SoftmaxKernels.Softmax(x, y, 1, 3, inner, Workers.Single);
        SoftmaxKernels.SoftmaxBackward(y, seed, dx, 1, 3, inner, Workers.Single);
        for (int i = 0; i < inner; i++) Assert.Equal(1, dx[i] / (expected / (1 + rest)), 1e-5);
    }
}
