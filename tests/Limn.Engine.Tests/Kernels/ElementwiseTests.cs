using Limn.Engine.Kernels;

namespace Limn.Engine.Tests.Kernels;

public sealed class ElementwiseTests
{
    private delegate void Kernel(ReadOnlySpan<float> x, Span<float> y, Workers workers);

    private static readonly (string Name, Kernel Kernel, Func<double, double> Exact, double Tolerance)[] Functions =
    [
        ("relu", Elementwise.Relu, x => x < 0 ? 0 : x, 0),
        ("leaky relu", (x, y, w) => Elementwise.LeakyRelu(x, 0.25f, y, w), x => x < 0 ? 0.25 * x : x, 0),
        ("elu", (x, y, w) => Elementwise.Elu(x, 1.5f, y, w), x => x < 0 ? 1.5 * Expm1(x) : x, 5e-7),
        ("selu", (x, y, w) => Elementwise.Selu(x, 1.6732632f, 1.050701f, y, w), x => 1.050701f * (x < 0 ? 1.6732632f * Expm1(x) : x), 5e-7),
        ("celu", (x, y, w) => Elementwise.Celu(x, 2f, y, w), x => x < 0 ? 2 * Expm1(x / 2) : x, 5e-7),
        ("sigmoid", Elementwise.Sigmoid, x => 1 / (1 + Math.Exp(-x)), 2e-7),
        ("hard sigmoid", (x, y, w) => Elementwise.HardSigmoid(x, 0.2f, 0.5f, y, w), x => Math.Min(Math.Max(0.2f * x + 0.5, 0), 1), 2e-7),
        ("hard swish", Elementwise.HardSwish, x => x * Math.Min(Math.Max(x / 6 + 0.5, 0), 1), 3e-7),
        ("tanh", Elementwise.Tanh, Math.Tanh, 2e-7),
        ("erf", Elementwise.Erf, Erf, 2e-7),
        ("gelu", Elementwise.Gelu, x => x / 2 * (1 + Erf(x / Math.Sqrt(2))), 5e-7),
        ("gelu tanh", Elementwise.GeluTanh, x => x / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))), 1e-6),
        ("softplus", Elementwise.Softplus, x => Math.Max(x, 0) + Log1P(Math.Exp(-Math.Abs(x))), 3e-7),
        ("clip", (x, y, w) => Elementwise.Clip(x, -1.5f, 0.75f, y, w), x => x < -1.5 ? -1.5 : x > 0.75 ? 0.75 : x, 0),
        ("sign", Elementwise.Sign, x => double.IsNaN(x) ? x : Math.Sign(x), 0),
        ("step", Elementwise.Step, x => double.IsNaN(x) ? x : x > 0 ? 1 : 0, 0),
        ("negate", Elementwise.Negate, x => -x, 0),
        ("abs", Elementwise.Abs, Math.Abs, 0),
        ("sqrt", Elementwise.Sqrt, Math.Sqrt, 1e-7),
        ("reciprocal", Elementwise.Reciprocal, x => 1 / x, 1e-7),
        ("exp", Elementwise.Exp, Math.Exp, 2.4e-7),
        ("log", Elementwise.Log, Math.Log, 2e-7),
        ("floor", Elementwise.Floor, Math.Floor, 0),
        ("ceiling", Elementwise.Ceiling, Math.Ceiling, 0),
        ("round", Elementwise.Round, x => Math.Round(x, MidpointRounding.ToEven), 0),
        ("sin", Elementwise.Sin, Math.Sin, 2e-7),
        ("cos", Elementwise.Cos, Math.Cos, 2e-7),
        ("tan", Elementwise.Tan, Math.Tan, 5e-7),
        ("asin", Elementwise.Asin, Math.Asin, 3e-7),
        ("acos", Elementwise.Acos, Math.Acos, 3e-7),
        ("atan", Elementwise.Atan, Math.Atan, 3e-7),
        ("sinh", Elementwise.Sinh, Math.Sinh, 5e-7),
        ("cosh", Elementwise.Cosh, Math.Cosh, 5e-7),
    ];

    public static TheoryData<string> Names => [.. Functions.Select(f => f.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_function_is_accurate_at_every_length_around_the_vector_widths(string name)
    {
        (_, Kernel kernel, Func<double, double> exact, double tolerance) = Find(name);
        var random = new Random(1);
        for (int length = 0; length <= 70; length++)
        {
            float[] x = Naive.Floats(random, length, 4);
            float[] y = Enumerable.Repeat(-77f, length + 1).ToArray();
            kernel(x, y.AsSpan(0, length), Workers.Single);
            for (int i = 0; i < length; i++) Naive.Close(exact(x[i]), y[i], tolerance, $"{name}({x[i]:G9})");
            Assert.Equal(-77f, y[length]);
            kernel(x, x, Workers.Single);
            Naive.SameBits(y.AsSpan(0, length), x);
        }
    }

    [Theory]
    [InlineData("sigmoid")]
    [InlineData("tanh")]
    [InlineData("erf")]
    [InlineData("gelu")]
    [InlineData("softplus")]
    [InlineData("exp")]
    [InlineData("elu")]
    [InlineData("sqrt")]
    [InlineData("log")]
    [InlineData("relu")]
    [InlineData("sign")]
    [InlineData("step")]
    public void A_function_is_accurate_over_the_whole_range_of_floats(string name)
    {
        (_, Kernel kernel, Func<double, double> exact, double tolerance) = Find(name);
        var values = new List<float> { 0f, -0f, float.Epsilon, -float.Epsilon, 1e-40f, -1e-40f, float.MaxValue, float.MinValue, float.PositiveInfinity, float.NaN };
        for (int i = -4000; i <= 4000; i++) values.Add(i / 400f * 12);
        for (int e = -149; e < 128; e++) values.AddRange([MathF.ScaleB(1.3f, e), -MathF.ScaleB(1.3f, e)]);
        float[] x = [.. values], y = new float[x.Length];
        kernel(x, y, Workers.Single);
        for (int i = 0; i < x.Length; i++)
        {
            double expected = exact(x[i]);
            Naive.Close(Math.Abs(expected) > float.MaxValue ? expected > 0 ? double.PositiveInfinity : double.NegativeInfinity : expected, y[i], tolerance, $"{name}({x[i]:G9})");
        }
    }

    [Theory]
    [InlineData("tanh", 4e-7)]
    [InlineData("exp", 2.4e-7)]
    [InlineData("sigmoid", 5e-7)]
    [InlineData("softplus", 5e-7)]
    [InlineData("erf", 5e-7)]
    [InlineData("elu", 6e-7)]
    public void A_function_keeps_its_relative_accuracy_near_its_zero(string name, double tolerance)
    {
        (_, Kernel kernel, Func<double, double> exact, _) = Find(name);
        var values = new List<float>();
        for (float x = 1e-30f; x < 80; x *= 1.01f) values.AddRange([x, -x]);
        float[] xs = [.. values], ys = new float[xs.Length];
        kernel(xs, ys, Workers.Single);
        for (int i = 0; i < xs.Length; i++)
        {
            double expected = exact(xs[i]);
            Assert.True(Math.Abs(ys[i] - expected) <= tolerance * Math.Abs(expected) + 1e-44, $"{name}({xs[i]:G9}): expected {expected:G9}, got {ys[i]:G9}");
        }
    }

    [Fact]
    public void NaN_propagates_through_every_function()
    {
        foreach ((string name, Kernel kernel, _, _) in Functions)
        {
            var x = new float[37];
            Array.Fill(x, float.NaN);
            var y = new float[37];
            kernel(x, y, Workers.Single);
            Assert.True(y.All(float.IsNaN), name);
        }
    }

    [Fact]
    public void Limits_at_the_infinities_and_signed_zeros_are_exact()
    {
        float[] ends = [float.NegativeInfinity, float.PositiveInfinity, -0f, 0f];
        Expect(Elementwise.Sigmoid, [0f, 1f, 0.5f, 0.5f]);
        Expect(Elementwise.Tanh, [-1f, 1f, -0f, 0f]);
        Expect(Elementwise.Erf, [-1f, 1f, -0f, 0f]);
        Expect(Elementwise.Exp, [0f, float.PositiveInfinity, 1f, 1f]);
        Expect(Elementwise.Relu, [0f, float.PositiveInfinity, -0f, 0f]);
        Expect(Elementwise.Sign, [-1f, 1f, -0f, 0f]);
        Expect(Elementwise.Step, [0f, 1f, 0f, 0f]);
        Expect((x, y, w) => Elementwise.Elu(x, 1, y, w), [-1f, float.PositiveInfinity, -0f, 0f]);
        var softplus = new float[4];
        Elementwise.Softplus(ends, softplus, Workers.Single);
        Assert.Equal([0f, float.PositiveInfinity, MathF.Log(2), MathF.Log(2)], softplus, (a, b) => a == b || MathF.Abs(a - b) < 1e-7f);

        void Expect(Kernel kernel, float[] expected)
        {
            var y = new float[4];
            kernel(ends, y, Workers.Single);
            Naive.SameBits(expected, y);
        }
    }

    [Fact]
    public void The_number_of_threads_does_not_change_the_bits()
    {
        float[] x = Naive.Floats(new Random(2), 2 * Chunks.Cheap + 17, 6);
        float[] one = new float[x.Length], three = new float[x.Length];
        foreach ((_, Kernel kernel, _, _) in Functions)
        {
            kernel(x, one, Workers.Single);
            kernel(x, three, Naive.Three);
            Naive.SameBits(one, three);
        }
    }

    [Fact]
    public void Position_in_the_array_does_not_change_the_bits()
    {
        float[] x = new float[41];
        foreach (float value in new[] { 0.3f, -1.7f, 2.9f, -5.5f })
        {
            Array.Fill(x, value);
            float[] y = new float[x.Length];
            foreach (Kernel kernel in new Kernel[] { Elementwise.Gelu, Elementwise.Tanh, Elementwise.Softplus, Elementwise.Exp, Elementwise.Sigmoid })
            {
                kernel(x, y, Workers.Single);
                Assert.All(y, v => Assert.Equal(y[0], v));
            }
        }
    }

    [Fact]
    public void Functions_of_integers_and_truth_values_match_their_definitions()
    {
        var random = new Random(3);
        for (int length = 0; length <= 70; length++)
        {
            long[] x = Naive.Longs(random, length), y = new long[length];
            Elementwise.Relu(x, y, Workers.Single);
            Assert.Equal(x.Select(v => Math.Max(v, 0)), y);
            Elementwise.Clip(x, -2, 3, y, Workers.Single);
            Assert.Equal(x.Select(v => Math.Clamp(v, -2, 3)), y);
            Elementwise.Sign(x, y, Workers.Single);
            Assert.Equal(x.Select(v => (long)Math.Sign(v)), y);
            Elementwise.Negate(x, y, Workers.Single);
            Assert.Equal(x.Select(v => -v), y);
            Elementwise.Abs(x, y, Workers.Single);
            Assert.Equal(x.Select(Math.Abs), y);
            bool[] b = Naive.Bools(random, length), not = new bool[length];
            Elementwise.Not(b, not, Workers.Single);
            Assert.Equal(b.Select(v => !v), not);
        }
        long[] least = [long.MinValue], result = [0];
        Elementwise.Abs(least, result, Workers.Single);
        Assert.Equal(long.MinValue, result[0]);
    }

    [Fact]
    public void A_result_of_another_length_is_refused()
    {
        Assert.Throws<ShapeMismatchException>(() => Elementwise.Relu(new float[3], new float[4], Workers.Single));
        Assert.Throws<ShapeMismatchException>(() => Elementwise.Sqrt(new float[3], new float[2], Workers.Single));
    }

    [Fact]
    public void Clip_with_its_bounds_crossed_gives_the_upper_bound()
    {
        float[] y = new float[3];
        Elementwise.Clip([-1f, 0f, 9f], 5, 2, y, Workers.Single);
        Assert.Equal([2f, 2f, 2f], y);
    }

    private static (string Name, Kernel Kernel, Func<double, double> Exact, double Tolerance) Find(string name) => Functions.Single(f => f.Name == name);

    private static double Expm1(double x) => Math.Abs(x) < 1e-5 ? x + x * x / 2 : Math.Exp(x) - 1;

    private static double Log1P(double t) => t < 1e-5 ? t - t * t / 2 : Math.Log(1 + t);

    /// <summary>The Maclaurin series up to 3, the continued fraction of erfc beyond: 1e-15 either way.</summary>
    private static double Erf(double x)
    {
        double a = Math.Abs(x);
        if (double.IsNaN(x) || a > 6) return double.IsNaN(x) ? x : Math.Sign(x);
        if (a <= 3)
        {
            double term = x, sum = x;
            for (int n = 1; Math.Abs(term) > 1e-18 * Math.Abs(sum); n++)
            {
                term *= -x * x / n;
                sum += term / (2 * n + 1);
            }
            return 2 / Math.Sqrt(Math.PI) * sum;
        }
        double fraction = a;
        for (int k = 120; k > 0; k--) fraction = a + k / 2.0 / fraction;
        return Math.Sign(x) * (1 - Math.Exp(-a * a) / Math.Sqrt(Math.PI) / fraction);
    }
}
