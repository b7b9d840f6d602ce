using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using static Limn.Engine.Tests.Operators.OperatorRunner;

namespace Limn.Engine.Tests.Operators;

public class ActivationOperatorTests
{
    /// <summary>Name, operator, formula, range of arguments, kinks.</summary>
    public static TheoryData<string, Operator, Func<double, double>, float, float, float[]> Functions => new()
    {
        { "neg", new Neg(), x => -x, -3, 3, [] },
        { "abs", new Abs(), Math.Abs, -3, 3, [0] },
        { "sign", new Sign(), x => Math.Sign(x), -3, 3, [0] },
        { "sqrt", new Sqrt(), Math.Sqrt, 0.3f, 3, [] },
        { "exp", new Exp(), Math.Exp, -2, 1, [] },
        { "log", new Log(), Math.Log, 0.4f, 3, [] },
        { "reciprocal", new Reciprocal(), x => 1 / x, 0.5f, 3, [] },
        { "floor", new Floor(), Math.Floor, -3, 3, [-3, -2, -1, 0, 1, 2, 3] },
        { "ceil", new Ceil(), Math.Ceiling, -3, 3, [-3, -2, -1, 0, 1, 2, 3] },
        { "round", new Round(), Math.Round, -3, 3, [-2.5f, -1.5f, -0.5f, 0.5f, 1.5f, 2.5f] },
        { "erf", new Erf(), Erf, -2, 2, [] },
        { "step", new Step(), x => x > 0 ? 1 : 0, -3, 3, [0] },
        { "sin", new Sin(), Math.Sin, -3, 3, [] },
        { "cos", new Cos(), Math.Cos, -3, 3, [] },
        { "tan", new Tan(), Math.Tan, -1, 1, [] },
        { "asin", new Asin(), Math.Asin, -0.7f, 0.7f, [] },
        { "acos", new Acos(), Math.Acos, -0.7f, 0.7f, [] },
        { "atan", new Atan(), Math.Atan, -3, 3, [] },
        { "sinh", new Sinh(), Math.Sinh, -2, 2, [] },
        { "cosh", new Cosh(), Math.Cosh, -2, 2, [] },
        { "asinh", new Asinh(), Math.Asinh, -3, 3, [] },
        { "acosh", new Acosh(), Math.Acosh, 1.5f, 3, [] },
        { "atanh", new Atanh(), Math.Atanh, -0.7f, 0.7f, [] },
        { "relu", new Relu(), x => Math.Max(x, 0), -3, 3, [0] },
        { "leaky relu", new LeakyRelu { Alpha = 0.2f }, x => x < 0 ? 0.2 * x : x, -3, 3, [0] },
        { "thresholded relu", new ThresholdedRelu { Alpha = 0.7f }, x => x > 0.7f ? x : 0, -3, 3, [0.7f] },
        { "hard sigmoid", new HardSigmoid { Alpha = 0.3f, Beta = 0.4f }, x => Math.Clamp(0.3 * x + 0.4, 0, 1), -3, 3, [-4f / 3, 2] },
        { "hard swish", new HardSwish(), x => x * Math.Clamp(x / 6 + 0.5, 0, 1), -5, 5, [-3, 3] },
        { "sigmoid", new Sigmoid(), x => 1 / (1 + Math.Exp(-x)), -4, 4, [] },
        { "tanh", new Tanh(), Math.Tanh, -3, 3, [] },
        { "softplus", new Softplus(), x => Math.Log(1 + Math.Exp(x)), -3, 3, [] },
        { "softsign", new Softsign(), x => x / (1 + Math.Abs(x)), -3, 3, [0] },
        { "mish", new Mish(), x => x * Math.Tanh(Math.Log(1 + Math.Exp(x))), -3, 3, [] },
        { "gelu", new Gelu(), x => x / 2 * (1 + Erf(x / Math.Sqrt(2))), -3, 3, [] },
        { "gelu by tanh", new Gelu { ByTanh = true }, x => x / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))), -3, 3, [] },
        { "elu", new Elu { Alpha = 0.8f }, x => x > 0 ? x : 0.8 * (Math.Exp(x) - 1), -3, 3, [0] },
        { "selu", new Selu(), x => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * (Math.Exp(x) - 1)), -3, 3, [0] },
        { "celu", new Celu { Alpha = 1.7f }, x => x > 0 ? x : 1.7 * (Math.Exp(x / 1.7) - 1), -3, 3, [0] },
    };

    [Theory]
    [MemberData(nameof(Functions))]
    public void Values_and_gradients_match_the_formula(string name, Operator op, Func<double, double> formula, float low, float high, float[] kinks)
    {
        NdArray x = GradientCheck.RandomBeside(kinks, [5, 7], low, high, seed: 11);
        NdArray y = Run(op, x);
        for (int i = 0; i < x.Length; i++) Assert.True(Math.Abs(formula(x.Floats[i]) - y.Floats[i]) <= 2e-6 * (1 + Math.Abs(formula(x.Floats[i]))), $"{name}({x.Floats[i]}) = {y.Floats[i]}");
        Assert.True(float.IsNaN(Run(op, NdArray.Vector(float.NaN)).Floats[0]), name);
        Assert.Equal([0, 3], Run(op, NdArray.Create(ElementType.Float, 0, 3)).Dims.ToArray());
        if (op is Sign or Floor or Ceil or Round or Step) return; // the derivative is zero
        GradientCheck.Run((g, v) => g.Op(op, v[0]), [GradientCheck.RandomBeside(kinks, [3, 4], low, high, seed: 12)]);
    }

    [Fact]
    public void Kinks_have_the_derivatives_that_PyTorch_gives_them()
    {
        NdArray zero = NdArray.Vector(0f);
        Assert.Equal([0f], Slope((g, x) => g.Relu(x[0]), zero));
        Assert.Equal([0.3f], Slope((g, x) => g.LeakyRelu(x[0], 0.3f), zero));
        Assert.Equal([0f], Slope((g, x) => g.Abs(x[0]), zero));
        Assert.Equal([1f, 1f, 0f, 1f, 0f], Slope((g, x) => g.Clip(x[0], -1, 1), NdArray.Vector(-1f, 1f, 2f, 0f, -2f)));
        Assert.Equal([0f, 0f, 1f], Slope((g, x) => g.Op(new HardSwish(), x[0]), NdArray.Vector(-4f, -3f, 3f)));
    }

    [Fact]
    public void The_gradient_of_relu_blocks_what_is_infinite_or_NaN() =>
        Assert.Equal([0f, 0f, 1f], Slope((g, x) => g.Mul(g.Relu(x[0]), x[1]), NdArray.Vector(-1f, -1f, 1f), NdArray.Vector(float.PositiveInfinity, float.NaN, 1f)));

    [Fact]
    public void PRelu_broadcasts_its_slope_to_its_input_and_both_have_gradients()
    {
        NdArray x = GradientCheck.RandomBeside([0], [2, 3, 2], -2, 2, 3), slope = GradientCheck.Random([3, 1], 0.1f, 0.5f, 4);
        NdArray y = Run(new PRelu(), x, slope);
        for (int i = 0; i < x.Length; i++) Assert.Equal(x.Floats[i] < 0 ? x.Floats[i] * slope.Floats[i / 2 % 3] : x.Floats[i], y.Floats[i]);
        GradientCheck.Run((g, v) => g.PRelu(v[0], v[1]), [x, slope]);
        Assert.Throws<ShapeMismatchException>(() => Run(new PRelu(), NdArray.Vector(1f), NdArray.Vector(1f, 2f)));
    }

    [Fact]
    public void Clip_takes_its_bounds_as_inputs_which_have_gradients()
    {
        NdArray x = GradientCheck.RandomBeside([-0.5f, 0.5f], [3, 4], -1, 1, 5);
        GradientCheck.Run((g, v) => g.Op(new Clip(), v[0], v[1], v[2]), [x, NdArray.Scalar(-0.5f), NdArray.Scalar(0.5f)]);
        Assert.Equal([2f, 2f], Run(new Clip(), NdArray.Vector(0f, 9f), NdArray.Scalar(5f), NdArray.Scalar(2f)).Floats.ToArray());
        Assert.Equal([0L, 7L], Run((g, v) => g.Op(new Clip(), v[0], v[1], null), NdArray.Vector(-3L, 7L), NdArray.Scalar(0L)).Integers.ToArray());
    }

    private static double Erf(double x)
    {
        double sum = 0, term = x;
        for (int n = 0; n < 60; n++)
        {
            sum += term / (2 * n + 1);
            term *= -x * x / (n + 1);
        }
        return 2 / Math.Sqrt(Math.PI) * sum;
    }
}
