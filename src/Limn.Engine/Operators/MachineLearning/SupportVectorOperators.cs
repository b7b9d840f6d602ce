using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>
/// <c>SVMRegressor</c> and <c>SVMClassifier</c>, rewritten to kernels between rows and support vectors (matrix products, exponentials, powers)
/// and their weighted sums when a file is read, so that gradients pass.
/// </summary>
/// <remarks>
/// ai.onnx.ml 1 to newest. Kernels: x·v; (γ x·v + c)^d; exp(−γ |x − v|²); tanh(γ x·v + c). A classifier compares every pair of classes,
/// and the class with most votes wins, the first among equals, as in libsvm and ONNX Runtime.
/// </remarks>
public static class SupportVectorOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        MachineLearning.Of("SVMRegressor", ImportRegressor),
        MachineLearning.Of("SVMClassifier", ImportClassifier, "No gradient of the probabilities of more than two classes, which cannot be written to a file either."),
    ];

    private static IReadOnlyList<Value> ImportRegressor(OperatorImport import)
    {
        GraphBuilder g = import.Graph;
        NodeAttributes a = import.Attributes;
        PostTransform.Of(a); // as ONNX Runtime, of no effect on a single target
        float[] coefficients = a.Floats("coefficients") ?? throw new InvalidModelException("it has no coefficients.");
        int count = checked((int)a.Int("n_supports", 0));
        Value similarity = count > 0 ? Kernel(import, a.Floats("support_vectors"), count) : Kernel(import, coefficients, 1, linear: true);
        if (count > 0)
        {
            if (coefficients.Length != count) throw new InvalidModelException($"it has {coefficients.Length} coefficients for {count} support vectors.");
            similarity = g.MatMul(similarity, g.Constant(new NdArray(coefficients, count, 1)));
        }
        else a.Ignore("support_vectors");
        Value y = a.Floats("rho") is { Length: > 0 } rho ? g.Add(similarity, g.ScalarLike(similarity, rho[0])) : similarity;
        return import.EmitAs(a.Flag("one_class", false) ? g.Where(g.Greater(y, g.ScalarLike(y, 0)), g.ScalarLike(y, 1), g.ScalarLike(y, -1)) : y);
    }

    private static IReadOnlyList<Value> ImportClassifier(OperatorImport import)
    {
        GraphBuilder g = import.Graph;
        NodeAttributes a = import.Attributes;
        string transform = PostTransform.Of(a);
        var labels = new ClassLabels(a, "classlabels_ints");
        int classes = labels.Count;
        if (classes < 2) throw import.Unsupported($"it has {classes} class labels; at least two are expected.");
        float[] coefficients = a.Floats("coefficients") ?? throw new InvalidModelException("it has no coefficients."), rho = a.Floats("rho") ?? [];
        long[] perClass = a.Ints("vectors_per_class") ?? [];
        bool positive = coefficients.All(c => c >= 0);
        float[] slope = a.Floats("prob_a") ?? [], offset = a.Floats("prob_b") ?? [];
        if (perClass.Any(n => n < 0 || n > int.MaxValue)) throw new InvalidModelException("a class has a negative number of support vectors.");
        int count = checked((int)perClass.Sum());

        if (count == 0)
        {
            a.Ignore("support_vectors");
            Value linear = Kernel(import, coefficients, classes, linear: true);
            if (rho.Length > 0) linear = g.Add(linear, g.ScalarLike(linear, rho[0]));
            Value best = g.ArgMax(linear, 1, keepDims: false);
            if (classes == 2) // ONNX Runtime chooses the second class wherever the greater score speaks for any class at all
            {
                Value most = g.ReduceMax(linear, [1], keepDims: false);
                Value any = positive ? g.GreaterOrEqual(most, g.ScalarLike(most, 0.5f)) : g.Greater(most, g.ScalarLike(most, 0));
                best = g.Cast(g.Or(any, g.Cast(best, ElementType.Bool)), ElementType.Int64);
            }
            return [labels.Of(g, best), PostTransform.Apply(g, linear, transform)];
        }

        int pairs = checked(classes * (classes - 1) / 2);
        if (perClass.Length != classes || coefficients.Length != (long)(classes - 1) * count || rho.Length < pairs)
            throw new InvalidModelException($"it has {classes} classes, {perClass.Length} numbers of support vectors, {coefficients.Length} coefficients and {rho.Length} offsets (rho), which do not go together.");
        Value kernel = Kernel(import, a.Floats("support_vectors"), count);
        Value decisions = g.Add(g.MatMul(kernel, g.Constant(PairWeights(coefficients, perClass, count))), g.Constant(NdArray.Vector(rho[..pairs])));
        Value votes = g.MatMul(g.Step(decisions), g.Constant(Ballots(classes, pairs, first: true)));
        votes = g.Add(votes, g.MatMul(g.Sub(g.ScalarLike(decisions, 1), g.Step(decisions)), g.Constant(Ballots(classes, pairs, first: false))));
        Value label = labels.Of(g, g.ArgMax(votes, 1, keepDims: false));
        if (slope.Length == 0)
            return [label, classes == 2 ? PostTransform.Both(import, decisions, complement: transform != PostTransform.Of(0), transform) : PostTransform.Apply(g, decisions, transform)];

        if (slope.Length < pairs || offset.Length < pairs) throw new InvalidModelException($"it has {slope.Length} and {offset.Length} coefficients of probabilities for {pairs} pairs of classes.");
        Value margin = g.Add(g.Mul(decisions, g.Constant(NdArray.Vector(slope[..pairs]))), g.Constant(NdArray.Vector(offset[..pairs])));
        Value ofFirst = g.Clip(g.Sigmoid(g.Neg(margin)), 1e-7f, 1 - 1e-7f);
        return [label, PostTransform.Apply(g, g.Op(new PairwiseCoupling(classes), ofFirst), transform)];
    }

    /// <summary>The kernel between each row and each vector: [rows, vectors].</summary>
    private static Value Kernel(OperatorImport import, float[]? vectors, int count, bool linear = false)
    {
        GraphBuilder g = import.Graph;
        string kind = import.Attributes.String("kernel_type", "LINEAR");
        float[] given = import.Attributes.Floats("kernel_params") ?? [];
        if (given.Length is not (0 or 3)) throw new InvalidModelException($"it has {given.Length} kernel_params; gamma, coef0 and degree are expected.");
        (float gamma, float constant, float degree) = given.Length == 3 ? (given[0], given[1], given[2]) : (0, 0, 0);
        Value products = LinearModelOperators.Scores(import, vectors, null, count);
        if (linear) return products;
        switch (kind)
        {
            case "LINEAR": return products;
            case "POLY": return g.Pow(Affine(), degree);
            case "SIGMOID": return g.Tanh(Affine());
            case "RBF":
                // |x − v|² as |x|² − 2 x·v + |v|² would lose the small distances; the differences are made one by one.
                Value x = MachineLearning.Rows(import), v = g.Constant(new NdArray(vectors!, 1, count, vectors!.Length / count));
                Value difference = g.Sub(g.Unsqueeze(x, 1), v);
                return g.Exp(g.Scale(g.ReduceSum(g.Mul(difference, difference), [2], keepDims: false), -gamma));
            default: throw new InvalidModelException($"its kernel_type is '{kind}'; LINEAR, POLY, RBF or SIGMOID are expected.");
        }

        Value Affine() => g.Add(g.Scale(products, gamma), g.ScalarLike(products, constant));
    }

    /// <summary>
    /// From vectors to pairs of classes [vectors, pairs]. The coefficients are [classes − 1, vectors]: against class j, a vector of class i
    /// has its in row j − 1 if j is after i, and in row j if it is before.
    /// </summary>
    private static NdArray PairWeights(float[] coefficients, long[] perClass, int count)
    {
        int classes = perClass.Length, pairs = classes * (classes - 1) / 2, pair = 0;
        var starts = new int[classes + 1];
        for (int c = 0; c < classes; c++) starts[c + 1] = starts[c] + (int)perClass[c];
        var weights = new float[checked(count * pairs)];
        for (int i = 0; i < classes; i++)
            for (int j = i + 1; j < classes; j++, pair++)
            {
                for (int s = starts[i]; s < starts[i + 1]; s++) weights[s * pairs + pair] = coefficients[(j - 1) * count + s];
                for (int s = starts[j]; s < starts[j + 1]; s++) weights[s * pairs + pair] = coefficients[i * count + s];
            }
        return new NdArray(weights, count, pairs);
    }

    /// <summary>Which class each pair votes for if its decision speaks for the first, or the second: [pairs, classes].</summary>
    private static NdArray Ballots(int classes, int pairs, bool first)
    {
        var ballots = new float[pairs * classes];
        int pair = 0;
        for (int i = 0; i < classes; i++)
            for (int j = i + 1; j < classes; j++, pair++) ballots[pair * classes + (first ? i : j)] = 1;
        return new NdArray(ballots, pairs, classes);
    }
}

/// <summary>Probabilities of classes [rows, classes] from those that each pair of classes gives to its first [rows, pairs].</summary>
/// <remarks>
/// Minimises Σᵢ Σⱼ (rⱼᵢ pᵢ − rᵢⱼ pⱼ)² under Σ pᵢ = 1 by the iteration of Wu, Lin, Weng: Probability Estimates for Multi-class Classification by
/// Pairwise Coupling, JMLR 5, 2004, algorithm 2, from 1/classes until the conditions hold to 0.005/classes, at most 100 times, as libsvm and
/// ONNX Runtime do. The gradient for two classes is that of the exact solution (p = r); for more there is none.
/// </remarks>
public sealed class PairwiseCoupling(int classes) : Operator
{
    /// <summary>How many classes there are.</summary>
    public int Classes { get; } = classes;

    public override string Name => "PairwiseCoupling";

    public override string Domain => "limn";

    public override IEnumerable<OperatorAttribute> Attributes => [new("classes", (long)Classes)];

    public override void Infer(InferenceContext context) => context.Output(0, context.TypeOf(0), [context.ShapeOf(0)?[0] ?? Dim.Unknown, Classes]);

    public override void Execute(KernelContext context)
    {
        ReadOnlySpan<float> pairs = context.Floats(0);
        Span<float> y = context.OutputFloats();
        int n = Classes, count = n * (n - 1) / 2, rows = y.Length / n;
        var r = new double[n * n];
        var p = new double[n];
        for (int row = 0; row < rows; row++)
        {
            int pair = row * count;
            for (int i = 0; i < n; i++)
                for (int j = i + 1; j < n; j++, pair++) (r[i * n + j], r[j * n + i]) = (pairs[pair], 1 - pairs[pair]);
            Couple(r, p);
            for (int i = 0; i < n; i++) y[row * n + i] = (float)p[i];
        }
    }

    public override Value?[]? Gradient(Backward backward)
    {
        if (Classes != 2) return null;
        GraphBuilder g = backward.Graph;
        return [g.Sub(g.Slice(backward.Upstream, [0], [1], [1]), g.Slice(backward.Upstream, [1], [2], [1]))];
    }

    private static void Couple(double[] r, double[] p)
    {
        const int MostSteps = 100;
        int n = p.Length;
        var q = new double[n * n];
        var qp = new double[n];
        for (int i = 0; i < n; i++)
        {
            p[i] = 1.0 / n;
            for (int j = 0; j < n; j++)
                if (j != i)
                {
                    q[i * n + i] += r[j * n + i] * r[j * n + i];
                    q[i * n + j] = -r[j * n + i] * r[i * n + j];
                }
        }
        for (int step = 0; step < MostSteps; step++)
        {
            double pqp = 0, error = 0;
            for (int i = 0; i < n; i++)
            {
                qp[i] = 0;
                for (int j = 0; j < n; j++) qp[i] += q[i * n + j] * p[j];
                pqp += p[i] * qp[i];
            }
            for (int i = 0; i < n; i++) error = Math.Max(error, Math.Abs(qp[i] - pqp));
            if (error < 0.005 / n) return;
            for (int i = 0; i < n; i++)
            {
                double change = (pqp - qp[i]) / q[i * n + i], total = 1 + change;
                p[i] += change;
                pqp = (pqp + change * (change * q[i * n + i] + 2 * qp[i])) / (total * total);
                for (int j = 0; j < n; j++)
                {
                    qp[j] = (qp[j] + change * q[i * n + j]) / total;
                    p[j] /= total;
                }
            }
        }
    }
}
