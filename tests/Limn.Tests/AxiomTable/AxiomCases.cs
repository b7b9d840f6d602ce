using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;
using static Limn.Tests.AxiomTable.AxiomNetworks;

namespace Limn.Tests.AxiomTable;

/// <summary>A network and a row on which an axiom can be seen to hold or to fail.</summary>
/// <param name="Axiom">The axiom.</param>
/// <param name="Name">What is special about the network.</param>
/// <param name="Miss">By how much a method fails: 0 where it keeps to the axiom, 1 where it misses altogether; null where the case says nothing about the method.</param>
internal sealed record AxiomCase(Axioms Axiom, string Name, Func<Explainer, double?> Miss);

/// <summary>
/// The cases of every axiom. Each is shown to every method: what a method promises holds in all of them, and for what it does not promise
/// at least one is a witness against it.
/// </summary>
internal static class AxiomCases
{
    private const int Seeds = 4;
    private static readonly float[] Baselines = [0.3f, -0.3f, 0.45f, -0.2f];

    public static IReadOnlyList<AxiomCase> All { get; } = [.. Completeness(), .. Sensitivity(), .. Dummy(), .. Invariance(), .. Symmetry()];

    private static IEnumerable<AxiomCase> Completeness()
    {
        for (int s = 0; s < Seeds; s++)
        {
            int seed = s;
            yield return new(Axioms.Completeness, $"random network {seed}", e => Missing(e.Of(Of(Random(seed), 1, 2, 2), Row(seed), Baselines[seed])));
        }
        yield return new(Axioms.Completeness, "effects of opposite signs in two channels", e => Missing(e.Of(Of((g, x) => Linear(g, x, [.. Enumerable.Range(0, 32).Select(i => i < 16 ? 1f : -0.5f)]), 2, 4, 4), Picture([.. Enumerable.Range(1, 32).Select(i => (float)i)], 2, 4, 4), 0.3f)));
        yield return new(Axioms.Completeness, "a product of two features", e => Missing(e.Of(Of((g, x) => g.Mul(Pick(g, x, 0), Pick(g, x, 1)), 1, 1, 2), Picture([2f, 1.5f], 1, 1, 2), 0.3f)));

        // Both the sum's error and the change are of the size of the change.
        static double? Missing(Explained a) => Math.Max(0, Math.Abs(a.Values.Sum() - a.Change) - 6 * a.Errors.Sum()) / (Math.Abs(a.Change) + 0.05);
    }

    private static IEnumerable<AxiomCase> Sensitivity()
    {
        for (int s = 0; s < Seeds; s++)
        {
            int seed = s;
            yield return One($"random network {seed}", Of(Random(seed), 1, 2, 2), Only(seed, 4, Row(seed).Floats[seed], Baselines[seed], 1, 2, 2), Baselines[seed], seed);
        }
        yield return One("a saturated unit, 1 − relu(1 − x)", Of((g, x) => g.Add(Linear(g, g.Relu(g.Add(g.Neg(Pick(g, x, 0)), g.ScalarLike(x, 1))), -1), g.ScalarLike(x, 1)), 1, 1, 2), Picture([8f, 0], 1, 1, 2), 0, 0);
        yield return One("a negative effect in one of two channels", Of((g, x) => Linear(g, x, [-1, .. new float[31]]), 2, 4, 4), Only(0, 32, 1, 0, 2, 4, 4), 0, 0);
        // Up along x₁, then down, while the gradient also points along x₂, which does not move.
        yield return One("a gradient that points elsewhere", Of(Elsewhere, 1, 1, 2), Picture([1f, 0], 1, 1, 2), 0, 0);
        // y = (x, x − x²) from (0, 0) to (1, 0), F = y₁ − 6 y₁ y₂: the first element's part is ∫ 1 − 6 α (1 − α) dα = 0.
        yield return new(Axioms.Sensitivity, "a layer whose other element leaves and returns", e => !e.ExplainsLayer ? null
            : Zero(e.Of(OfTwoFeatures((g, x) => g.Sub(x, g.Mul(x, x)), (g, y) => g.Sub(Pick(g, y, 0), g.Scale(g.Mul(Pick(g, y, 0), Pick(g, y, 1)), 6))), Picture([1f], 1, 1, 1), 0), 0));

        static AxiomCase One(string name, OnnxModel model, NdArray x, float baseline, int element) => new(Axioms.Sensitivity, name, e => Zero(e.Of(model, x, baseline), element));

        static double? Zero(Explained a, int element) => Math.Abs(a.Change) < 1e-3 ? null : Math.Abs(a.Values[element]) >= 1e-3 * Math.Abs(a.Change) ? 0 : 1;

        static Value Elsewhere(GraphBuilder g, Value x)
        {
            const float Down = 4, Across = 4.17029f, Steep = 100; // so that 0.92 = 24 · 0.08 · Down² / (Down² + Across²) on 50 steps
            Value a = Pick(g, x, 0), b = Pick(g, x, 1), late = g.Sub(a, g.ScalarLike(a, 0.5f)), gate = g.Scale(late, Steep);
            Value across = g.Scale(g.Sub(g.Relu(g.Add(gate, b)), g.Relu(gate)), Across);
            return g.Add(g.Sub(g.Scale(a, 2), g.Scale(g.Relu(late), 2 + Down)), across);
        }
    }

    private static IEnumerable<AxiomCase> Dummy()
    {
        for (int s = 0; s < Seeds; s++)
        {
            int seed = s;
            yield return Unused($"random network {seed}", Of(Random(seed, unused: 2), 1, 2, 2), Row(seed), Baselines[seed], 2);
        }
        foreach (float value in (float[])[1.5f, -1.5f])
        {
            yield return Unused($"x − x, one of them by way of ReLUs, at {value}", Of((g, x) => Roundabout(g, x, -1), 1, 1, 2), Picture([2f, value], 1, 1, 2), 0.3f, 1);
            yield return Unused($"tanh x − tanh x, one of them by the sigmoid, at {value}", Of((g, x) => g.Add(Linear(g, g.Concat(1, Pick(g, x, 0), g.Tanh(Pick(g, x, 1)), g.Sigmoid(g.Scale(Pick(g, x, 1), 2))), 1, 1, -2), g.ScalarLike(x, 1)), 1, 1, 2), Picture([2f, value], 1, 1, 2), 0.3f, 1);
        }
        yield return Unused("f − f, written in two ways", Of((g, x) => g.Add(Pick(g, x, 2), g.Sub(Difference(g, Pick(g, x, 0), Pick(g, x, 1), false), Difference(g, Pick(g, x, 0), Pick(g, x, 1), true))), 1, 1, 3), Picture([3f, 1, 2], 1, 1, 3), 0.1f, 0);
        yield return Unused("any of five, beside one that does nothing", Of((g, x) => g.Add(Linear(g, g.Relu(g.Add(Linear(g, x, -1, -1, -1, -1, -1, 0), g.ScalarLike(x, 1))), -1), g.ScalarLike(x, 1)), 1, 2, 3), Picture([1f, 1, 1, 1, 1, 1], 1, 2, 3), 0, 5);
        yield return Unused("a neighbour of what counts", Of((g, x) => Pick(g, x, 0), 1, 16, 16), Picture([.. Enumerable.Range(0, 256).Select(i => i % 16 < 8 ? 1f : 0)], 1, 16, 16), -0.5f, 1);

        static AxiomCase Unused(string name, OnnxModel model, NdArray x, float baseline, int element) =>
            new(Axioms.Dummy, name, e => e.Of(model, x, baseline) is var a ? Math.Max(0, Math.Abs(a.Values[element]) - 6 * a.Errors[element]) / a.Size : null);
    }

    private static IEnumerable<AxiomCase> Invariance()
    {
        for (int s = 0; s < Seeds; s++)
            foreach (Writing writing in Enum.GetValues<Writing>())
            {
                int seed = s;
                if (writing != Writing.Plain)
                    yield return Same($"random network {seed}, {writing}", Of(Random(seed), 1, 2, 2), Of(Random(seed, writing: writing), 1, 2, 2), Row(seed), Baselines[seed]);
            }
        foreach (float value in (float[])[1.5f, -1.5f])
            yield return Same($"x by way of ReLUs, at {value}", Of((g, x) => g.Add(Pick(g, x, 0), Pick(g, x, 1)), 1, 1, 2), Of((g, x) => Roundabout(g, x, 0), 1, 1, 2), Picture([2f, value], 1, 1, 2), 0.3f);
        yield return Same("f, written in two ways", Of((g, x) => Difference(g, Pick(g, x, 0), Pick(g, x, 1), false), 1, 1, 2), Of((g, x) => Difference(g, Pick(g, x, 0), Pick(g, x, 1), true), 1, 1, 2), Picture([3f, 1], 1, 1, 2), 0.1f);

        static AxiomCase Same(string name, OnnxModel one, OnnxModel other, NdArray x, float baseline) => new(Axioms.ImplementationInvariance, name, e =>
        {
            Explained a = e.Of(one, x, baseline), b = e.Of(other, x, baseline);
            Assert.Equal(a.Change, b.Change, 1e-4 * (1 + Math.Abs(a.Change)));
            return a.Values.Zip(b.Values).Max(v => Math.Abs(v.First - v.Second)) / Math.Max(a.Size, b.Size);
        });
    }

    private static IEnumerable<AxiomCase> Symmetry()
    {
        for (int s = 0; s < Seeds; s++)
        {
            int seed = s;
            NdArray x = Row(seed);
            x.Floats[3] = x.Floats[0];
            yield return Twins($"random network {seed}", Of(Random(seed, twins: (0, 3)), 1, 2, 2), x, Baselines[seed], 0, 3);
        }
        foreach (float value in (float[])[1.5f, -1.5f])
        {
            yield return Twins($"x₁ + x₂, one by way of ReLUs, at {value}", Of((g, x) => Roundabout(g, x, 0), 1, 1, 2), Picture([value, value], 1, 1, 2), 0.3f, 0, 1);
            yield return Twins($"tanh x₁ + tanh x₂, one by the sigmoid, at {value}", Of((g, x) => g.Add(g.Tanh(Pick(g, x, 0)), TanhBySigmoid(g, Pick(g, x, 1))), 1, 1, 2), Picture([value, value], 1, 1, 2), 0.3f, 0, 1);
        }
        yield return Twins("f(x₁, x₃) + f(x₂, x₃), written in two ways", Of((g, x) => g.Add(Difference(g, Pick(g, x, 0), Pick(g, x, 2), false), Difference(g, Pick(g, x, 1), Pick(g, x, 2), true)), 1, 1, 3), Picture([3f, 3, 1], 1, 1, 3), 0.1f, 0, 1);
        yield return new(Axioms.Symmetry, "a layer whose elements get there at different times", e => !e.ExplainsLayer ? null
            : Apart(e.Of(OfTwoFeatures((g, x) => g.Mul(x, x), (g, y) => g.Mul(Pick(g, y, 0), Pick(g, y, 1))), Picture([1f], 1, 1, 1), 0), 0, 1));
        var (blurred, a, b) = EqualAlsoWhenBlurred();
        yield return Twins("elements that a blur leads by different ways", Of((g, x) => g.Tanh(g.Add(Pick(g, x, a), Pick(g, x, b))), 1, 1, 8), blurred, 0, a, b);
        // Two equal pixels: one within a bright half beside a pixel that counts more, one alone in the dark half.
        yield return Twins("pixels in different company", Of((g, x) => Linear(g, x, [.. Enumerable.Range(0, 256).Select(i => i is 0 or 204 ? 1f : i == 1 ? 5 : 0)]), 1, 16, 16), Picture([.. Enumerable.Range(0, 256).Select(i => i % 16 < 8 || i == 204 ? 1f : 0)], 1, 16, 16), -0.5f, 0, 204);

        static AxiomCase Twins(string name, OnnxModel model, NdArray x, float baseline, int one, int other) => new(Axioms.Symmetry, name, e => Apart(e.Of(model, x, baseline), one, other));

        static double? Apart(Explained a, int one, int other) => Math.Max(0, Math.Abs(a.Values[one] - a.Values[other]) - 6 * (a.Errors[one] + a.Errors[other])) / a.Size;
    }

    /// <summary>A line of 8 pixels of which two are equal, and equal again after the strongest blur of Blur Integrated Gradients, but not between.</summary>
    private static (NdArray Picture, int A, int B) EqualAlsoWhenBlurred()
    {
        const int A = 1, B = 5, Free = 7;
        float Gap(NdArray x) => Baseline.Blur(2).Resolve([x]).Single()[0] is var y ? y.Floats[A] - y.Floats[B] : 0;
        NdArray unit = NdArray.Create(ElementType.Float, 1, 1, 1, 8), x = Picture([2f, 0.5f, 0, 1.5f, 0, 0.5f, 1, 0], 1, 1, 8);
        unit.Floats[Free] = 1;
        x.Floats[Free] = -Gap(x) / Gap(unit);
        return (x, A, B);
    }

    private static NdArray Row(int seed) => Networks.Random((ulong)seed + 99, 1, 1, 2, 2);

    private static NdArray Picture(float[] values, params int[] dims) => new(values, [1, .. dims]);

    /// <summary>The baseline everywhere but in one element.</summary>
    private static NdArray Only(int element, int count, float value, float baseline, params int[] dims)
    {
        float[] values = [.. Enumerable.Repeat(baseline, count)];
        values[element] = value;
        return Picture(values, dims);
    }
}
