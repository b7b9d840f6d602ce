using FsCheck;
using FsCheck.Fluent;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Games;
using Limn.Gradients;
using Limn.Models;

namespace Limn.Tests.Gradients;

/// <summary>What the papers promise, on random networks.</summary>
public sealed class AxiomTests
{
    private const int Features = 4;

    [Fact]
    public void Integrated_gradients_is_complete() => Check(seed =>
    {
        Attribution a = Explain(new IntegratedGradients(Network(seed)) { Steps = 80, Baseline = Baseline.Value(seed % 3 - 1) }, seed);
        return Math.Abs(Sum(a) - (a.Prediction[0] - a.BaselinePrediction![0])) < 1e-3;
    });

    [Fact]
    public void What_the_model_does_not_use_gets_nothing_from_any_method() => Check(seed =>
    {
        OnnxModel model = Network(seed, unused: 2);
        return AllMethods(model).All(m => Math.Abs(Numbers.Of(Explain(m, seed).Values)[2]) < 1e-6);
    });

    [Fact]
    public void Equal_features_that_the_model_treats_alike_get_the_same() => Check(seed =>
    {
        OnnxModel model = Network(seed, twins: (0, 3));
        return new Method[] { new Saliency(model), new InputXGradient(model), new IntegratedGradients(model), new FeatureAblation(model) }.All(m =>
        {
            float[] values = Numbers.Of(m.Explain([Input(seed, twins: (0, 3))], Target.Class(1)).Values);
            return Math.Abs(values[0] - values[3]) < 1e-4;
        });
    });

    [Fact]
    public void Two_graphs_of_the_same_function_are_explained_alike() => Check(seed =>
    {
        OnnxModel plain = Network(seed), roundabout = Network(seed, roundabout: true);
        return AllMethods(plain).Zip(AllMethods(roundabout)).All(pair =>
        {
            float[] a = Numbers.Of(Explain(pair.First, seed).Values), b = Numbers.Of(Explain(pair.Second, seed).Values);
            return a.Zip(b).All(v => Math.Abs(v.First - v.Second) < 1e-4 * (1 + Math.Abs(v.First)));
        });
    });

    [Fact]
    public void Integrated_gradients_of_a_margin_is_the_difference_of_those_of_its_classes() => Check(seed =>
    {
        var method = new IntegratedGradients(Network(seed));
        float[] Of(Target t) => Numbers.Of(method.Explain([Input(seed)], t).Values);
        float[] a = Of(Target.Class(0)), b = Of(Target.Class(1)), margin = Of(Target.Margin(0, 1));
        return Enumerable.Range(0, Features).All(i => Math.Abs(a[i] - b[i] - margin[i]) < 1e-4);
    });

    private static void Check(Func<int, bool> axiom) =>
        Prop.ForAll(Gen.Choose(0, 100_000).ToArbitrary(), axiom).Check(Config.QuickThrowOnFailure.WithMaxTest(25));

    private static IEnumerable<Method> AllMethods(OnnxModel model) =>
    [
        new Saliency(model), new InputXGradient(model), new IntegratedGradients(model), new SmoothGrad(new Saliency(model) { Absolute = false }) { Samples = 5 },
        new FeatureAblation(model), new Occlusion(model) { Window = [1], Stride = [1] },
    ];

    private static Attribution Explain(Method method, int seed) => method.Explain([Input(seed)], Target.Class(1));

    private static double Sum(Attribution a) => Numbers.Of(a.Values).Sum(v => (double)v);

    private static NdArray Input(int seed, (int A, int B)? twins = null)
    {
        NdArray x = Networks.Random((ulong)seed + 99, 1, Features);
        if (twins is { } t) x.Floats[t.B] = x.Floats[t.A];
        return x;
    }

    /// <summary>A random smooth network of two classes; on request one feature is unused, two are treated alike, or it is written in a roundabout way.</summary>
    private static OnnxModel Network(int seed, int? unused = null, (int A, int B)? twins = null, bool roundabout = false)
    {
        const int Hidden = 6;
        NdArray first = Networks.Random((ulong)seed, Features, Hidden);
        for (int h = 0; h < Hidden; h++)
        {
            if (unused is { } u) first.Floats[u * Hidden + h] = 0;
            if (twins is { } t) first.Floats[t.B * Hidden + h] = first.Floats[t.A * Hidden + h];
        }
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), Features]), entry = x;
        if (roundabout) entry = g.Transpose(g.Sub(g.Scale(g.Transpose(x, 1, 0), 3), g.Add(g.Transpose(x, 1, 0), g.Transpose(x, 1, 0))), 1, 0);
        Value hidden = g.Tanh(g.MatMul(entry, g.Constant(first)));
        if (roundabout) hidden = g.Neg(g.Neg(hidden));
        g.Output(g.MatMul(hidden, g.Constant(Networks.Random((ulong)seed + 1, Hidden, 2))), "y");
        return new OnnxModel(g.Build());
    }
}
