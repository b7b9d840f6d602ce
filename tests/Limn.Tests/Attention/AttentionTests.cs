using Limn.Attention;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;
using Limn.Tests.Identities;

namespace Limn.Tests.Attention;

public sealed class AttentionTests
{
    private const int T = 6;

    [Fact]
    public void One_layer_of_rollout_is_half_the_mean_attention_of_the_class_token_and_half_itself()
    {
        OnnxModel model = TextNetworks.Classifier(first: true);
        double[][,] a = Heads(model, 0, row: 1);
        Attribution rollout = new AttentionRollout(model).Explain([TextNetworks.Ids]);
        Assert.Equal("input_ids", rollout.Tensors[0].Name);
        Assert.Equal("input_ids", rollout.Tensors[0].TokensOf);
        float[] got = Numbers.Of(rollout.Values)[T..];
        for (int j = 0; j < T; j++) Assert.Equal(0.5 * (a[0][0, j] + a[1][0, j]) / 2 + (j == 0 ? 0.5 : 0), got[j], 1e-6);
        Assert.Equal(1, got.Sum(), 5);
    }

    [Fact]
    public void Uniform_attention_rolls_out_to_what_is_left_of_the_token_and_equal_shares_of_the_rest()
    {
        // Zero scores: A = 1/T everywhere. ½I + ½U to the power L is 2^-L I + (1 − 2^-L) U.
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 4, 3]);
        Value y = x;
        for (int l = 0; l < 3; l++)
        {
            Value none = g.Scale(g.MatMul(y, g.Transpose(y, 0, 2, 1)), 0);
            y = g.Add(y, g.MatMul(g.Softmax(none), y));
        }
        g.Output(g.Squeeze(g.Slice(y, [3], [4], [1]), 1)); // the last token is read
        float[] got = Numbers.Of(new AttentionRollout(new OnnxModel(g.Build())).Explain([Networks.Random(2, 2, 4, 3)], Target.Class(0)).Values);
        Assert.Equal(8, got.Length);
        for (int j = 0; j < 4; j++) Assert.Equal((1 - 0.125) / 4 + (j == 3 ? 0.125 : 0), got[j], 1e-6);
    }

    [Theory]
    [InlineData(HeadFusion.Mean, 0)]
    [InlineData(HeadFusion.Min, 0)]
    [InlineData(HeadFusion.Max, 0)]
    [InlineData(HeadFusion.Mean, 0.4)]
    public void Two_layers_of_rollout_agree_with_a_plain_implementation(HeadFusion fusion, double discard)
    {
        OnnxModel model = TextNetworks.Classifier(layers: 2);
        float[] got = Numbers.Of(new AttentionRollout(model) { Fusion = fusion, Discard = discard }.Explain([TextNetworks.Ids]).Values);
        for (int r = 0; r < 2; r++)
        {
            double[,] rolled = Product(Mixed(Heads(model, 1, r), fusion, discard), Mixed(Heads(model, 0, r), fusion, discard));
            for (int j = 0; j < T; j++) Assert.Equal(Enumerable.Range(0, T).Average(i => rolled[i, j]), got[r * T + j], 1e-6);
            Assert.Equal(1, got.AsSpan(r * T, T).ToArray().Sum(), 5);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Relevance_agrees_with_gradients_by_central_differences(bool first)
    {
        OnnxModel model = TextNetworks.Classifier(layers: 2, first: first);
        float[] got = Numbers.Of(new AttentionRelevance(model).Explain([TextNetworks.Ids], Target.Class(1)).Values);
        for (int r = 0; r < 2; r++)
        {
            double[,] relevance = Identity();
            for (int l = 0; l < 2; l++)
            {
                double[][,] a = Heads(model, l, r), gradient = Differences(model, l, r, 1);
                var weighted = new double[T, T];
                for (int i = 0; i < T; i++)
                    for (int j = 0; j < T; j++) weighted[i, j] = a.Zip(gradient).Average(p => Math.Max(0, p.First[i, j] * p.Second[i, j]));
                double[,] added = Product(weighted, relevance);
                for (int i = 0; i < T; i++)
                    for (int j = 0; j < T; j++) relevance[i, j] += added[i, j];
            }
            for (int j = 0; j < T; j++)
            {
                double expected = first ? j == 0 ? 0 : relevance[0, j] : Enumerable.Range(0, T).Average(i => relevance[i, j] - (i == j ? 1 : 0));
                Assert.Equal(expected, got[r * T + j], 2e-3 * Math.Max(1, Math.Abs(expected)));
            }
        }
    }

    [Fact]
    [Identity(9)]
    public void Attention_that_the_class_does_not_depend_on_leaves_nothing()
    {
        // The attended values are multiplied by zero: the gradient is zero, and R stays the identity.
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 4, 3]);
        Value attended = g.MatMul(g.Softmax(g.MatMul(x, g.Transpose(x, 0, 2, 1))), x);
        g.Output(g.ReduceMean(g.Add(x, g.Scale(attended, 0)), [1], keepDims: false));
        Attribution a = new AttentionRelevance(new OnnxModel(g.Build())).Explain([Networks.Random(2, 1, 4, 3)], Target.Class(0));
        Assert.Equal(new float[4], Numbers.Of(a.Values));
        Assert.True(a.Flags.HasFlag(AttributionFlags.AllZero));
    }

    [Fact]
    public void Tokens_of_a_picture_are_shown_as_its_grid_without_the_class_token()
    {
        OnnxModel model = VisionTransformer();
        NdArray pictures = Networks.Random(4, 2, 1, 8, 12);
        foreach (AttentionMethod method in new AttentionMethod[] { new AttentionRollout(model), new AttentionRelevance(model) })
        {
            Attribution a = method.Explain([pictures], Target.Class(1));
            Assert.Equal([2, 1, 2, 3], a.Values.Lengths.ToArray().Select(l => (int)l));
            Assert.Contains(a.Remarks, r => r.Contains("2 x 3", StringComparison.Ordinal));
            Assert.Contains(Numbers.Of(a.Values), v => v > 0);
        }
        double[][,] heads = Heads(model, 0, 0, [pictures], 7);
        float[] rollout = Numbers.Of(new AttentionRollout(model).Explain([pictures]).Values);
        for (int j = 0; j < 6; j++) Assert.Equal((heads[0][0, j + 1] + heads[1][0, j + 1]) / 4, rollout[j], 1e-6);
    }

    [Fact]
    public void Heads_within_the_axis_of_rows_are_told_apart()
    {
        // [rows · heads, tokens, tokens], as exporters write it.
        OnnxModel folded = Folded(true), apart = Folded(false);
        NdArray x = Networks.Random(9, 2, 5, 4);
        foreach (var (a, b) in new (AttentionMethod, AttentionMethod)[] { (new AttentionRollout(folded), new AttentionRollout(apart)), (new AttentionRelevance(folded), new AttentionRelevance(apart)) })
            Assert.All(Numbers.Of(a.Explain([x], Target.Class(2)).Values).Zip(Numbers.Of(b.Explain([x], Target.Class(2)).Values)), p => Assert.Equal(p.First, p.Second, 1e-5f));
    }

    [Fact]
    public void Padding_that_a_mask_leaves_out_gets_nothing()
    {
        OnnxModel model = TextNetworks.Classifier(mask: true, layers: 2);
        NdArray[] inputs = [TextNetworks.Ids, TextNetworks.Mask];
        Assert.Equal(0, Numbers.Of(new AttentionRollout(model).Explain(inputs).Values)[5], 6);
        Assert.Equal(0, Numbers.Of(new AttentionRelevance(model).Explain(inputs).Values)[5], 6);
    }

    [Fact]
    public void Layers_and_rows_can_be_chosen()
    {
        OnnxModel model = TextNetworks.Classifier(layers: 2);
        double[][,] a = Heads(model, 1, 0);
        float[] got = Numbers.Of(new AttentionRollout(model) { Layers = "attention1", Row = AttentionRow.Last }.Explain([TextNetworks.Ids]).Values);
        for (int j = 0; j < T; j++) Assert.Equal((a[0][T - 1, j] + a[1][T - 1, j]) / 4 + (j == T - 1 ? 0.5 : 0), got[j], 1e-6);
        Assert.Throws<UnknownNameException>(() => new AttentionRollout(model) { Layers = "attention7" }.Explain([TextNetworks.Ids]));
        Assert.Contains("no attention", Assert.Throws<InvalidTargetException>(() => new AttentionRollout(model) { Layers = "words" }.Explain([TextNetworks.Ids])).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOptionException>(() => new AttentionRollout(model).Explain([TextNetworks.Ids], options: new ExplainOptions { At = "words" }));
        Assert.Throws<InvalidOptionException>(() => new AttentionRollout(model) { Discard = 1 }.Explain([TextNetworks.Ids]));
    }

    [Fact]
    public void A_network_without_attention_is_refused() =>
        Assert.Contains("No attention", Assert.Throws<InvalidTargetException>(() => new AttentionRelevance(Networks.Smooth(3, 4, 2, 1, softmax: true)).Explain([Networks.Random(1, 1, 3)])).Message, StringComparison.Ordinal);

    [SharedFact("models/attention/self-attention-mnist.onnx")]
    public void Attention_is_found_in_an_exported_network()
    {
        OnnxModel model = OnnxModel.Load(Path.Combine(SharedFiles.Folder!, "models", "attention", "self-attention-mnist.onnx"));
        NdArray x = Networks.Random(1, 1, 28, 28, 1);
        Assert.Equal(4, new AttentionRelevance(model).Explain([x]).Values.FlattenedLength);
        Assert.Equal(1, Numbers.Of(new AttentionRollout(model) { Row = AttentionRow.First }.Explain([x]).Values).Sum(), 5);
    }

    private static double[][,] Heads(OnnxModel model, int layer, int row) => Heads(model, layer, row, [TextNetworks.Ids], T);

    private static double[][,] Heads(OnnxModel model, int layer, int row, NdArray[] inputs, int tokens)
    {
        NdArray a = model.Session.Run(model.FeedsOf(inputs), [model.Graph.Find($"attention{layer}")!])[0];
        return Split(a.Floats, row, tokens);
    }

    private static double[][,] Split(ReadOnlySpan<float> all, int row, int tokens)
    {
        var heads = new double[TextNetworks.Heads][,];
        for (int h = 0; h < heads.Length; h++)
        {
            heads[h] = new double[tokens, tokens];
            for (int i = 0; i < tokens * tokens; i++) heads[h][i / tokens, i % tokens] = all[(row * heads.Length + h) * tokens * tokens + i];
        }
        return heads;
    }

    private static double[][,] Differences(OnnxModel model, int layer, int row, int k)
    {
        const float Step = 0.02f;
        Value attention = model.Graph.Find($"attention{layer}")!;
        var feeds = new Dictionary<Value, NdArray>(model.FeedsOf([TextNetworks.Ids]));
        NdArray at = model.Session.Run(feeds, [attention])[0];
        float[] gradient = new float[at.Length];
        double Score(int i, float step)
        {
            feeds[attention] = at.Copy();
            feeds[attention].Floats[i] += step;
            return model.Session.Run(feeds, [model.Graph.Outputs[0]])[0].Floats[row * TextNetworks.Classes + k];
        }
        for (int i = row * at.Length / 2; i < (row + 1) * at.Length / 2; i++) gradient[i] = (float)((8 * (Score(i, Step) - Score(i, -Step)) - Score(i, 2 * Step) + Score(i, -2 * Step)) / (12 * Step));
        return Split(gradient, row, T);
    }

    private static double[,] Mixed(double[][,] heads, HeadFusion fusion, double discard)
    {
        var a = new double[T, T];
        for (int i = 0; i < T; i++)
            for (int j = 0; j < T; j++)
            {
                double[] all = [.. heads.Select(h => h[i, j])];
                a[i, j] = fusion == HeadFusion.Min ? all.Min() : fusion == HeadFusion.Max ? all.Max() : all.Average();
            }
        foreach (var (i, j) in Enumerable.Range(0, T * T).Select(n => (n / T, n % T)).OrderBy(n => a[n.Item1, n.Item2]).Take((int)(discard * T * T)))
            if (j > 0) a[i, j] = 0;
        for (int i = 0; i < T; i++)
        {
            double sum = Enumerable.Range(0, T).Sum(j => a[i, j]);
            for (int j = 0; j < T; j++) a[i, j] = 0.5 * a[i, j] / sum + (i == j ? 0.5 : 0);
        }
        return a;
    }

    private static double[,] Identity()
    {
        var identity = new double[T, T];
        for (int i = 0; i < T; i++) identity[i, i] = 1;
        return identity;
    }

    private static double[,] Product(double[,] a, double[,] b)
    {
        var product = new double[T, T];
        for (int i = 0; i < T; i++)
            for (int j = 0; j < T; j++)
                for (int k = 0; k < T; k++) product[i, j] += a[i, k] * b[k, j];
        return product;
    }

    /// <summary>Patches of 4 x 4 of a picture of 8 x 12, a class token before them, one layer of attention, the class token read.</summary>
    private static OnnxModel VisionTransformer()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 1, 8, 12]);
        Value patches = g.Conv(x, g.Constant(Networks.Random(1, TextNetworks.Width, 1, 4, 4)), null, new SlidingWindow { Strides = [4, 4] });
        Value tokens = g.Transpose(g.Reshape(patches, 0, 0, -1), 0, 2, 1);
        Value cls = g.Add(g.Scale(g.Slice(tokens, [0], [1], [1]), 0), g.Constant(Networks.Random(2, 1, 1, TextNetworks.Width)));
        Value all = g.Concat(1, cls, tokens);
        Value after = g.Add(all, TextNetworks.Attention(g, all, null, 3, 0));
        g.Output(g.MatMul(g.Squeeze(g.Slice(after, [0], [1], [1]), 1), g.Constant(Networks.Random(8, TextNetworks.Width, 3))));
        return new OnnxModel(g.Build());
    }

    private static OnnxModel Folded(bool fold)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 5, 4]);
        Value Split(ulong seed)
        {
            Value heads = g.Transpose(g.Reshape(g.MatMul(x, g.Constant(Networks.Random(seed, 4, 4))), 0, 5, 2, 2), 0, 2, 1, 3);
            return fold ? g.Reshape(heads, -1, 5, 2) : heads;
        }
        Value scores = g.MatMul(Split(1), g.Transpose(Split(2), fold ? [0, 2, 1] : [0, 1, 3, 2]));
        Value out4 = g.Reshape(g.MatMul(g.Softmax(scores), Split(3)), -1, 2, 5, 2);
        g.Output(g.MatMul(g.ReduceMean(g.Reshape(g.Transpose(out4, 0, 2, 1, 3), -1, 5, 4), [1], keepDims: false), g.Constant(Networks.Random(4, 4, 3))));
        return new OnnxModel(g.Build());
    }
}
