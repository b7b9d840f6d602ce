using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;

namespace Limn.Engine.Tests.Operators;

/// <summary>
/// Checks a differentiable piece of graph: its gradient against central differences of a random linear functional of its output,
/// the gradient of its gradient against central differences of the gradient, and that a symbolic first dimension changes no number.
/// </summary>
/// <remarks>Keep inputs away from kinks by more than <see cref="Step"/>, and small: each element costs two evaluations.</remarks>
internal static class GradientCheck
{
    public const float Step = 1f / 128;

    /// <param name="build">Makes the output of the inputs; called several times, on graphs of its own.</param>
    /// <param name="inputs">What is fed, in order. Floating inputs are differentiated.</param>
    /// <param name="tolerance">The relative L2 error that is allowed.</param>
    /// <param name="second">Whether second derivatives are checked.</param>
    /// <param name="symbolic">Whether first dimensions above 1 of floating inputs may be symbolic.</param>
    /// <param name="constant">Inputs that are initializers instead, and so not differentiated.</param>
    public static void Run(Func<GraphBuilder, Value[], Value> build, NdArray[] inputs, double tolerance = 1e-2, bool second = true, bool symbolic = true, int[]? constant = null)
    {
        double[][] known = Check(build, inputs, tolerance, second, symbolic: false, constant ?? []);
        if (!symbolic) return;
        double[][] unknown = Check(build, inputs, tolerance, second, symbolic: true, constant ?? []);
        for (int i = 0; i < known.Length; i++) Compare($"symbolic batch, result {i}", known[i], unknown[i], 1e-6);
    }

    /// <summary>As above, on inputs of these shapes with elements in [low, high).</summary>
    public static void Run(Func<GraphBuilder, Value[], Value> build, int[][] shapes, float low = -1, float high = 1, int seed = 1, double tolerance = 1e-2, bool second = true, bool symbolic = true) =>
        Run(build, [.. shapes.Select((s, i) => Random(s, low, high, seed + i))], tolerance, second, symbolic);

    /// <summary>An array of elements in [low, high).</summary>
    public static NdArray Random(int[] dims, float low, float high, int seed)
    {
        var random = new Random(seed);
        NdArray array = NdArray.Create(ElementType.Float, dims);
        foreach (ref float v in array.Floats) v = low + (high - low) * random.NextSingle();
        return array;
    }

    /// <summary>Elements of which none is nearer than <paramref name="distance"/> to one of the <paramref name="kinks"/>.</summary>
    public static NdArray RandomBeside(float[] kinks, int[] dims, float low, float high, int seed, float distance = 0.05f)
    {
        var random = new Random(seed);
        NdArray array = NdArray.Create(ElementType.Float, dims);
        foreach (ref float v in array.Floats)
            do v = low + (high - low) * random.NextSingle();
            while (Near(v));
        return array;

        bool Near(float v) => Array.Exists(kinks, k => Math.Abs(v - k) < distance);
    }

    /// <summary>The gradients, then the second derivatives.</summary>
    private static double[][] Check(Func<GraphBuilder, Value[], Value> build, NdArray[] inputs, double tolerance, bool second, bool symbolic, int[] constant)
    {
        var builder = new GraphBuilder();
        Value[] places = [.. inputs.Select((x, i) => constant.Contains(i) ? builder.Constant(x) : builder.Input($"x{i}", x.Type, ShapeOf(x, symbolic)))];
        int[] wanted = [.. Enumerable.Range(0, inputs.Length).Where(i => inputs[i].Type.IsFloating() && !constant.Contains(i))];
        Value y = build(builder, places);
        Graph forward = builder.Build();
        var feeds = new Dictionary<Value, NdArray>();
        for (int i = 0; i < inputs.Length; i++)
            if (!constant.Contains(i)) feeds[places[i]] = inputs[i].Copy();

        NdArray value = new Session(forward, 1).Run(feeds, [y])[0];
        NdArray weights = Random(value.Dims.ToArray(), 0.5f, 1.5f, 99);
        foreach (ref float w in weights.Floats) w *= (BitConverter.SingleToInt32Bits(w) & 1) == 0 ? 1 : -1;

        builder = new GraphBuilder(forward);
        GradientGraph first = Differentiation.Gradient.Of(builder, forward, y, [.. wanted.Select(i => places[i])], seed: builder.Constant(weights));
        var results = new List<double[]>();
        var session = new Session(first.Graph, 1);
        for (int k = 0; k < wanted.Length; k++)
        {
            Value gradient = first.Gradients[k] ?? throw new InvalidOperationException($"No gradient reaches input {wanted[k]}.");
            NdArray analytic = session.Run(feeds, [gradient])[0];
            Assert.Equal(inputs[wanted[k]].Dims.ToArray(), analytic.Dims.ToArray());
            double[] numeric = Differences(feeds, places[wanted[k]], () => Dot(session.Run(feeds, [y])[0], weights));
            double[] found = [.. analytic.Floats.ToArray().Select(v => (double)v)];
            Compare($"gradient of input {wanted[k]}{(symbolic ? " (symbolic)" : "")}", numeric, found, tolerance);
            results.Add(found);
        }
        if (!second) return [.. results];

        for (int k = 0; k < wanted.Length; k++)
        {
            Value gradient = first.Gradients[k]!;
            NdArray direction = Random(inputs[wanted[k]].Dims.ToArray(), 0.5f, 1.5f, 7 + k);
            builder = new GraphBuilder(first.Graph);
            GradientGraph twice = Differentiation.Gradient.Of(builder, first.Graph, gradient, [.. wanted.Select(i => places[i])], seed: builder.Constant(direction));
            session = new Session(twice.Graph, 1);
            for (int m = 0; m < wanted.Length; m++)
            {
                double[] numeric = Differences(feeds, places[wanted[m]], () => Dot(session.Run(feeds, [gradient])[0], direction));
                double[] found = twice.Gradients[m] is { } curvature ? [.. session.Run(feeds, [curvature])[0].Floats.ToArray().Select(v => (double)v)] : new double[numeric.Length];
                Compare($"second derivative by inputs {wanted[k]} and {wanted[m]}{(symbolic ? " (symbolic)" : "")}", numeric, found, tolerance);
                results.Add(found);
            }
        }
        return [.. results];
    }

    private static double[] Differences(Dictionary<Value, NdArray> feeds, Value place, Func<double> functional)
    {
        NdArray x = feeds[place];
        var slopes = new double[x.Length];
        for (int i = 0; i < slopes.Length; i++)
        {
            float at = x.Floats[i];
            x.Floats[i] = at + Step;
            double above = functional(), high = x.Floats[i];
            x.Floats[i] = at - Step;
            double below = functional(), low = x.Floats[i];
            x.Floats[i] = at;
            slopes[i] = (above - below) / (high - low);
        }
        return slopes;
    }

    private static Shape ShapeOf(NdArray x, bool symbolic) =>
        symbolic && x.Rank > 0 && x.Dims[0] > 1 && x.Type.IsFloating() ? Shape.Of(x.Dims).With(0, Dim.Named($"n{x.Dims[0]}")) : Shape.Of(x.Dims);

    private static double Dot(NdArray a, NdArray b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++) sum += (double)a.Floats[i] * b.Floats[i];
        return sum;
    }

    /// <summary>The L2 distance, against the length of what is expected but never less than 0.1, below which differences are noise.</summary>
    private static void Compare(string what, double[] expected, double[] found, double tolerance)
    {
        double distance = Math.Sqrt(expected.Zip(found, (e, f) => (e - f) * (e - f)).Sum());
        double length = Math.Max(0.1, Math.Sqrt(expected.Sum(e => e * e)));
        Assert.True(distance <= tolerance * length,
            $"{what}: relative error {distance / length:g3}, allowed {tolerance:g3}.\nexpected {string.Join(' ', expected.Take(12).Select(v => v.ToString("g5")))}\nfound    {string.Join(' ', found.Take(12).Select(v => v.ToString("g5")))}");
    }
}
