using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Gradients;
using Limn.Models;
using Limn.Propagation;

namespace Limn.Tests.Propagation;

public sealed class TransformerLrpTests
{
    private const int T = 3, D = 4;

    private static readonly NdArray X = Networks.Random(1, 1, T, D);

    [Fact]
    public void One_head_agrees_with_the_papers_formulas_step_by_step()
    {
        NdArray wq = Networks.Random(2, D, D), wk = Networks.Random(3, D, D), wv = Networks.Random(4, D, D);
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), T, D]);
        Value a = g.Softmax(g.MatMul(g.MatMul(x, g.Constant(wq)), g.Transpose(g.MatMul(x, g.Constant(wk)), 0, 2, 1)));
        g.Output(g.MatMul(a, g.MatMul(x, g.Constant(wv))), "o");
        float[] got = Numbers.Of(new Lrp(new OnnxModel(g.Build())) { Composite = LrpComposite.AttnLrp, Epsilon = 1e-9 }.Explain([X], Target.Outputs).Values);

        double[,] input = Matrix(X, T), q = Times(input, Matrix(wq, D)), k = Times(input, Matrix(wk, D)), v = Times(input, Matrix(wv, D));
        double[,] scores = Times(q, Turned(k)), attention = Softmax(scores), o = Times(attention, v);
        // The relevance of each output is the output. A product gives half to each factor: R_A = A ⊙ (R/(2O) Vᵀ), R_V = V ⊙ (Aᵀ R/(2O)), and R/(2O) is ½.
        double[,] half = Map(o, _ => 0.5);
        double[,] ra = Each(attention, Times(half, Turned(v)), (p, m) => p * m), rv = Each(v, Times(Turned(attention), half), (p, m) => p * m);
        // Softmax: R = S ⊙ (R_A − A ΣR_A).
        var rs = new double[T, T];
        for (int i = 0; i < T; i++)
            for (int j = 0; j < T; j++) rs[i, j] = scores[i, j] * (ra[i, j] - attention[i, j] * Enumerable.Range(0, T).Sum(n => ra[i, n]));
        double[,] share = Each(rs, scores, (r, s) => r / (2 * s));
        double[,] rq = Each(q, Times(share, k), (p, m) => p * m), rk = Each(k, Times(Turned(share), q), (p, m) => p * m);
        double[,] expected = new double[T, D];
        foreach (var (relevance, z, w) in new[] { (rq, q, wq), (rk, k, wk), (rv, v, wv) })
        {
            double[,] sent = Each(input, Times(Each(relevance, z, (r, n) => r / n), Turned(Matrix(w, D))), (p, m) => p * m);
            for (int i = 0; i < T * D; i++) expected[i / D, i % D] += sent[i / D, i % D];
        }
        double size = expected.Cast<double>().Max(Math.Abs);
        for (int i = 0; i < T * D; i++) Assert.Equal(expected[i / D, i % D] / size, got[i] / size, 1e-4);
    }

    [Theory]
    [InlineData("gelu")]
    [InlineData("gelu written out")]
    [InlineData("gelu by tanh written out")]
    [InlineData("silu written out")]
    public void An_activation_passes_relevance_on_which_is_its_modified_gradient_times_the_input(string kind)
    {
        // The gradient form: f'(z) replaced by f(z)/z.
        NdArray w = Networks.Random(2, D, 5), u = Networks.Random(3, 5, 1);
        OnnxModel model = Dense(g => z => Activation(g, z, kind), w, u);
        float[] got = Numbers.Of(new Lrp(model) { Composite = LrpComposite.AttnLrp, Epsilon = 1e-9 }.Explain([X.Reshape(T, D)], Target.Class(0)).Values);
        double[,] x = Matrix(X, T), z = Times(x, Matrix(w, D));
        for (int r = 0; r < T; r++)
            for (int j = 0; j < D; j++)
            {
                double expected = x[r, j] * Enumerable.Range(0, 5).Sum(k => Of(kind, z[r, k]) / z[r, k] * w.Floats[j * 5 + k] * u.Floats[k]);
                Assert.Equal(expected, got[r * D + j], 2e-4 * Math.Max(1, Math.Abs(expected)));
            }
    }

    [Fact]
    public void A_norm_written_out_passes_relevance_as_if_its_deviation_were_a_constant()
    {
        NdArray w = Networks.Random(2, D, 5), u = Networks.Random(3, 5, 1), row = X.Reshape(T, D).Rows(0, 1);
        OnnxModel norm = Dense(g => z => g.Mul(z, g.Reciprocal(g.Sqrt(g.ReduceMean(g.Mul(z, z), [1])))), w, u);
        float[] got = Numbers.Of(new Lrp(norm) { Composite = LrpComposite.AttnLrp, Epsilon = 1e-9 }.Explain([row], Target.Class(0)).Values);
        double[,] z = Times(Matrix(row, 1), Matrix(w, D));
        double rms = Math.Sqrt(Enumerable.Range(0, 5).Average(k => z[0, k] * z[0, k]));
        float[] linear = Numbers.Of(new InputXGradient(Dense(g => v => g.Scale(v, (float)(1 / rms)), w, u)).Explain([row], Target.Class(0)).Values);
        for (int j = 0; j < D; j++) Assert.Equal(linear[j], got[j], 1e-4);
    }

    [Fact]
    public void A_gated_product_gives_half_to_each_side()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 2]);
        g.Output(g.Mul(g.Sigmoid(g.MatMul(x, g.Constant(new NdArray([1f, 0], 2, 1)))), g.MatMul(x, g.Constant(new NdArray([0f, 2], 2, 1)))));
        Attribution a = new Lrp(new OnnxModel(g.Build())) { Composite = LrpComposite.AttnLrp }.Explain([new NdArray([0.5f, 3], 1, 2)], Target.Class(0));
        Assert.All(Numbers.Of(a.Values), v => Assert.Equal(a.Prediction[0] / 2, v, 1e-4));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_block_keeps_all_relevance_with_cp_lrp_and_loses_it_only_in_softmax_with_attn_lrp(bool masked)
    {
        OnnxModel model = Block(masked);
        NdArray x = Networks.Random(7, 2, T, 8);
        var kept = new Lrp(model) { Composite = LrpComposite.CpLrp, Epsilon = 1e-9, Conserved = true };
        Attribution a = kept.Explain([x], Target.Class(1));
        for (int r = 0; r < 2; r++)
        {
            Assert.True(Math.Abs(a.ConvergenceDelta![r]) <= 1e-3 * Math.Abs(a.Prediction[r]), $"{a.ConvergenceDelta[r]} of {a.Prediction[r]}");
            Assert.Empty(a.Conservation![r].Leaks());
        }
        var lossy = new Lrp(model) { Composite = LrpComposite.AttnLrp, Epsilon = 1e-9 };
        foreach (Conservation row in lossy.Conservation([x], Target.Class(1))) Assert.All(row.Leaks(1e-2), l => Assert.Equal("Softmax", l.Operator));
        Assert.False(a.Flags.HasFlag(AttributionFlags.NonFinite));
        Assert.NotEqual(Numbers.Of(a.Values), Numbers.Of(lossy.Explain([x], Target.Class(1)).Values));
    }

    [Fact]
    public void Cp_lrp_treats_attention_as_constant_weights()
    {
        // The same as the gradient times the input of the network in which the attention is set to its values.
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), T, D]);
        Value a = g.Node(new Softmax(), [g.MatMul(x, g.Transpose(x, 0, 2, 1))], outputNames: ["attention"])[0];
        g.Output(g.ReduceMean(g.MatMul(a, g.MatMul(x, g.Constant(Networks.Random(4, D, 2)))), [1], keepDims: false));
        var model = new OnnxModel(g.Build());
        float[] got = Numbers.Of(new Lrp(model) { Composite = LrpComposite.CpLrp, Epsilon = 1e-9 }.Explain([X], Target.Class(1)).Values);
        NdArray weights = model.Session.Run(model.FeedsOf([X]), [model.Graph.Find("attention")!])[0];
        var h = new GraphBuilder();
        Value y = h.Input("x", ElementType.Float, [Dim.Named("batch"), T, D]);
        h.Output(h.ReduceMean(h.MatMul(h.Constant(weights), h.MatMul(y, h.Constant(Networks.Random(4, D, 2)))), [1], keepDims: false));
        float[] expected = Numbers.Of(new InputXGradient(new OnnxModel(h.Build())).Explain([X], Target.Class(1)).Values);
        for (int i = 0; i < got.Length; i++) Assert.Equal(expected[i], got[i], 1e-4);
    }

    /// <summary>x + attention(norm(x)), then x + mlp(norm(x)) with GELU, the mean over tokens, a linear layer: nothing has a bias.</summary>
    private static OnnxModel Block(bool masked)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), T, 8]);
        Value scale = g.Constant(NdArray.Vector(1f, 1.2f, 0.8f, 1, 0.9f, 1.1f, 1, 0.7f));
        Value? mask = masked ? g.Constant(new NdArray([0f, 0, float.NegativeInfinity, 0, 0, float.NegativeInfinity, 0, 0, 0], 1, 1, T, T)) : null;
        Value y = g.Add(x, TextNetworks.Attention(g, g.LayerNormalization(x, scale), mask, 20, 0));
        Value mlp = g.MatMul(g.Gelu(g.MatMul(g.LayerNormalization(y, scale), g.Constant(Networks.Random(30, 8, 16)))), g.Constant(Networks.Random(31, 16, 8)));
        g.Output(g.MatMul(g.ReduceMean(g.Add(y, mlp), [1], keepDims: false), g.Constant(Networks.Random(32, 8, 3))));
        return new OnnxModel(g.Build());
    }

    private static OnnxModel Dense(Func<GraphBuilder, Func<Value, Value>> middle, NdArray w, NdArray u)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), D]);
        g.Output(g.MatMul(middle(g)(g.MatMul(x, g.Constant(w))), g.Constant(u)));
        return new OnnxModel(g.Build());
    }

    private static Value Activation(GraphBuilder g, Value z, string kind)
    {
        Value one = g.Constant(1f);
        return kind switch
        {
            "gelu" => g.Gelu(z),
            "gelu written out" => g.Scale(g.Mul(z, g.Add(g.Erf(g.Div(z, g.Constant(MathF.Sqrt(2)))), one)), 0.5f),
            "gelu by tanh written out" => g.Mul(g.Scale(z, 0.5f), g.Add(one, g.Tanh(g.Scale(g.Add(z, g.Scale(g.Mul(z, g.Mul(z, z)), 0.044715f)), MathF.Sqrt(2 / MathF.PI))))),
            _ => g.Mul(z, g.Sigmoid(z)),
        };
    }

    private static double Of(string kind, double z) => kind.StartsWith("silu", StringComparison.Ordinal) ? z / (1 + Math.Exp(-z))
        : kind.Contains("tanh", StringComparison.Ordinal) ? 0.5 * z * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (z + 0.044715 * z * z * z)))
        : 0.5 * z * (1 + Erf(z / Math.Sqrt(2)));

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

    private static double[,] Matrix(NdArray array, int rows)
    {
        int columns = array.Length / rows;
        var matrix = new double[rows, columns];
        for (int i = 0; i < array.Length; i++) matrix[i / columns, i % columns] = array.Floats[i];
        return matrix;
    }

    private static double[,] Times(double[,] a, double[,] b)
    {
        var product = new double[a.GetLength(0), b.GetLength(1)];
        for (int i = 0; i < a.GetLength(0); i++)
            for (int j = 0; j < b.GetLength(1); j++)
                for (int k = 0; k < a.GetLength(1); k++) product[i, j] += a[i, k] * b[k, j];
        return product;
    }

    private static double[,] Turned(double[,] a)
    {
        var turned = new double[a.GetLength(1), a.GetLength(0)];
        for (int i = 0; i < a.GetLength(0); i++)
            for (int j = 0; j < a.GetLength(1); j++) turned[j, i] = a[i, j];
        return turned;
    }

    private static double[,] Each(double[,] a, double[,] b, Func<double, double, double> f)
    {
        var made = new double[a.GetLength(0), a.GetLength(1)];
        for (int i = 0; i < a.GetLength(0); i++)
            for (int j = 0; j < a.GetLength(1); j++) made[i, j] = f(a[i, j], b[i, j]);
        return made;
    }

    private static double[,] Map(double[,] a, Func<double, double> f) => Each(a, a, (v, _) => f(v));

    private static double[,] Softmax(double[,] scores)
    {
        var soft = new double[scores.GetLength(0), scores.GetLength(1)];
        for (int i = 0; i < scores.GetLength(0); i++)
        {
            double sum = Enumerable.Range(0, scores.GetLength(1)).Sum(j => Math.Exp(scores[i, j]));
            for (int j = 0; j < scores.GetLength(1); j++) soft[i, j] = Math.Exp(scores[i, j]) / sum;
        }
        return soft;
    }
}
