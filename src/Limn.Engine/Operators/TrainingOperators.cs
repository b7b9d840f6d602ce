using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>The optimizers of ai.onnx.preview.training: <c>Adam</c>, <c>Adagrad</c>, <c>Momentum</c>, rewritten to arithmetic when a file is read.</summary>
/// <remarks>
/// Version 1. Inputs: the rate R, the step T, then for n tensors all X, all gradients, and all states; outputs: all new X, then the new states.
/// The regularised gradient is G + norm_coefficient · X throughout.
/// </remarks>
public static class TrainingOperators
{
    private const string Domain = "ai.onnx.preview.training";

    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        new("Adagrad", Domain, ImportAdagrad),
        new("Adam", Domain, ImportAdam),
        new("Momentum", Domain, ImportMomentum),
    ];

    /// <summary>H' = H + G²; X' = X − R / (1 + T · decay_factor) · G / (√H' + ε).</summary>
    private static IReadOnlyList<Value> ImportAdagrad(OperatorImport import)
    {
        GraphBuilder g = import.Graph;
        NodeAttributes a = import.Attributes;
        (float decay, float epsilon, float norm) = (a.Float("decay_factor", 0), a.Float("epsilon", 0), a.Float("norm_coefficient", 0));
        Value rate = g.Div(import.Input(0), g.Add(g.Scale(Step(import), decay), g.Constant(1f)));
        return ForEach(import, 1, (x, gradient, states) =>
        {
            gradient = Regularised(g, gradient, x, norm);
            Value h = g.Add(states[0], g.Mul(gradient, gradient));
            return [g.Sub(x, g.Div(g.Mul(rate, gradient), g.Add(g.Sqrt(h), g.ScalarLike(h, epsilon)))), h];
        });
    }

    /// <summary>V' = αV + (1−α)G; H' = βH + (1−β)G²; X' = X − R' · V' / (√H' + ε), R' = R √(1−βᵀ) / (1−αᵀ) for T &gt; 0; then X' shrinks by norm_coefficient_post.</summary>
    private static IReadOnlyList<Value> ImportAdam(OperatorImport import)
    {
        GraphBuilder g = import.Graph;
        NodeAttributes a = import.Attributes;
        (float alpha, float beta, float epsilon) = (a.Float("alpha", 0.9f), a.Float("beta", 0.999f), a.Float("epsilon", 0));
        (float norm, float after) = (a.Float("norm_coefficient", 0), a.Float("norm_coefficient_post", 0));
        Value t = Step(import), one = g.Constant(1f), started = g.Greater(t, g.Constant(0f));
        Value steps = g.Where(started, t, one); // so that the unused branch is finite
        Value corrected = g.Div(g.Mul(import.Input(0), g.Sqrt(g.Sub(one, g.Pow(g.Constant(beta), steps)))), g.Sub(one, g.Pow(g.Constant(alpha), steps)));
        Value rate = g.Where(started, corrected, import.Input(0));
        return ForEach(import, 2, (x, gradient, states) =>
        {
            gradient = Regularised(g, gradient, x, norm);
            Value v = g.Add(g.Scale(states[0], alpha), g.Scale(gradient, 1 - alpha)), h = g.Add(g.Scale(states[1], beta), g.Scale(g.Mul(gradient, gradient), 1 - beta));
            Value next = g.Sub(x, g.Div(g.Mul(rate, v), g.Add(g.Sqrt(h), g.ScalarLike(h, epsilon))));
            return [g.Scale(next, 1 - after), v, h];
        });
    }

    /// <summary>V' = αV + β'G with β' = 1 in step 0 and β after; X' = X − R · V' ("standard") or X − R · (G + αV') ("nesterov").</summary>
    private static IReadOnlyList<Value> ImportMomentum(OperatorImport import)
    {
        GraphBuilder g = import.Graph;
        NodeAttributes a = import.Attributes;
        (float alpha, float beta, float norm) = (a.Float("alpha", 0), a.Float("beta", 0), a.Float("norm_coefficient", 0));
        string mode = a.String("mode", "standard");
        if (mode is not ("standard" or "nesterov")) throw new InvalidModelException($"its mode is '{mode}'; standard or nesterov are expected.");
        Value share = g.Where(g.Greater(Step(import), g.Constant(0f)), g.Constant(beta), g.Constant(1f));
        return ForEach(import, 1, (x, gradient, states) =>
        {
            gradient = Regularised(g, gradient, x, norm);
            Value v = g.Add(g.Scale(states[0], alpha), g.Mul(share, gradient));
            Value change = mode == "standard" ? v : g.Add(gradient, g.Scale(v, alpha));
            return [g.Sub(x, g.Mul(import.Input(0), change)), v];
        });
    }

    private static Value Step(OperatorImport import) => import.Graph.Cast(import.Input(1), ElementType.Float);

    private static Value Regularised(GraphBuilder g, Value gradient, Value x, float norm) => norm == 0 ? gradient : g.Add(gradient, g.Scale(x, norm));

    private static Value[] ForEach(OperatorImport import, int states, Func<Value, Value, Value[], Value[]> step)
    {
        int kinds = 2 + states, count = (import.Inputs.Count - 2) / kinds;
        if (import.Inputs.Count != 2 + count * kinds) throw new InvalidModelException($"it has {import.Inputs.Count} inputs, and 2 and {kinds} for each tensor are expected.");
        var results = new Value[count * (1 + states)];
        for (int i = 0; i < count; i++)
        {
            Value[] next = step(import.Input(2 + i), import.Input(2 + count + i), [.. Enumerable.Range(0, states).Select(s => import.Input(2 + (2 + s) * count + i))]);
            for (int s = 0; s < next.Length; s++) results[s * count + i] = next[s];
        }
        return results;
    }
}
