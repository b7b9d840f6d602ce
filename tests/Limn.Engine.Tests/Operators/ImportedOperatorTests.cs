using Google.Protobuf;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Onnx.Schema;
using Limn.Engine.Tests.Onnx;

namespace Limn.Engine.Tests.Operators;

/// <summary>Operators that exist only as they are read: losses, texts, bits, random numbers.</summary>
public class ImportedOperatorTests
{
    [Theory]
    [InlineData("none", false)]
    [InlineData("sum", true)]
    [InlineData("mean", true)]
    [InlineData("mean", false)]
    public void SoftmaxCrossEntropyLoss_is_that_of_the_formula_and_has_gradients(string reduction, bool weighted)
    {
        NdArray scores = GradientCheck.Random([4, 3, 2], -1, 1, 1), classes = new([0L, 2, 1, -7, 2, 2, 0, 1], 4, 2);
        float[] weights = weighted ? [0.5f, 2, 1.5f] : [1, 1, 1];
        Graph graph = Read(("x", ElementType.Float, [4, 3, 2]), [("c", ElementType.Int64, [4, 2])], ["loss"], weighted ? NdArray.Vector(weights) : null,
            Node("SoftmaxCrossEntropyLoss", weighted ? ["x", "c", "w"] : ["x", "c"], ["loss"], ("reduction", reduction), ("ignore_index", -7L)));
        float[] got = new Session(graph, 1).Run(scores, classes)[0].Floats.ToArray();
        var losses = new double[8];
        double total = 0;
        for (int n = 0; n < 4; n++)
            for (int d = 0; d < 2; d++)
            {
                int c = (int)classes.Integers[n * 2 + d];
                if (c == -7) continue;
                double sum = Enumerable.Range(0, 3).Sum(k => Math.Exp(scores.Floats[(n * 3 + k) * 2 + d]));
                losses[n * 2 + d] = -weights[c] * Math.Log(Math.Exp(scores.Floats[(n * 3 + c) * 2 + d]) / sum);
                total += weights[c];
            }
        double[] expected = reduction switch { "none" => losses, "sum" => [losses.Sum()], _ => [losses.Sum() / total] };
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], got[i], 1e-5);
        GradientCheck.Run((g, v) => g.Inline(graph, [v[0], g.Constant(classes)])[0], [scores], symbolic: false);
    }

    [Fact]
    public void A_class_beyond_the_scores_is_an_error()
    {
        Graph graph = Read(("x", ElementType.Float, [1, 3]), [("c", ElementType.Int64, [1])], ["loss"], null, Node("NegativeLogLikelihoodLoss", ["x", "c"], ["loss"]));
        Assert.Throws<InvalidDataException>(() => new Session(graph, 1).Run(new NdArray(new float[3], 1, 3), NdArray.Vector(3L)));
    }

    [Fact]
    public void A_hostile_pattern_takes_no_time_and_one_that_cannot_be_linear_is_refused()
    {
        NdArray text = new([new string('a', 40) + "!", "aa"], 2);
        Assert.Equal([false, true], Run(text, Node("RegexFullMatch", ["x"], ["y"], ("pattern", "(a*)*|(a|a)*"))).Booleans.ToArray());
        Assert.Contains("(?=a)", Assert.Throws<UnsupportedOperatorException>(() => Run(text, Node("RegexFullMatch", ["x"], ["y"], ("pattern", "(?=a)a")))).Message, StringComparison.Ordinal);
        Assert.Equal([false], Run(new NdArray(["a\n"], 1), Node("RegexFullMatch", ["x"], ["y"], ("pattern", "a"))).Booleans.ToArray());
    }

    [Fact]
    public void Random_numbers_are_the_same_in_every_run_and_differ_between_nodes_and_seeds()
    {
        NdArray x = NdArray.Create(ElementType.Float, 50, 50);
        float[] one = Draw("first"), again = Draw("first"), other = Draw("second"), seeded = Draw("first", ("seed", 3f)), seededToo = Draw("second", ("seed", 3f));
        Assert.Equal(one, again);
        Assert.NotEqual(one, other);
        Assert.NotEqual(one, seeded);
        Assert.Equal(seeded, seededToo);
        Assert.Equal(5, one.Average(), 0.2);
        Assert.Equal(2, Math.Sqrt(one.Average(v => (v - 5.0) * (v - 5.0))), 0.2);

        NdArray p = new([0f, 1, 0.25f], 3);
        NdArray many = Run(new NdArray([.. Enumerable.Repeat(0.25f, 4000)], 4000), Node("Bernoulli", ["x"], ["y"]));
        Assert.Equal(0.25, many.Floats.ToArray().Average(), 0.03);
        Assert.Equal([0, 1], Run(p, Node("Bernoulli", ["x"], ["y"])).Floats.ToArray()[..2]);
        NdArray drawn = Run(new NdArray([MathF.Log(0.5f), MathF.Log(0.25f), MathF.Log(0.25f)], 1, 3), Node("Multinomial", ["x"], ["y"], ("sample_size", 4000L)));
        Assert.Equal([1, 4000], drawn.Dims.ToArray());
        Assert.Equal(0.5, drawn.Integers.ToArray().Count(c => c == 0) / 4000.0, 0.03);

        float[] Draw(string name, params (string, object)[] attributes)
        {
            NodeProto node = Node("RandomNormalLike", ["x"], ["y"], [("mean", 5f), ("scale", 2f), .. attributes]);
            node.Name = name;
            return Run(x, node).Floats.ToArray();
        }
    }

    [Fact]
    public void Unique_keeps_the_order_of_occurrence_if_asked_and_takes_strings_and_nan()
    {
        Assert.Equal(["a", "b"], Run(new NdArray(["b", "a", "b"], 3), Node("Unique", ["x"], ["y"])).Strings.ToArray());
        Assert.Equal(["b", "a"], Run(new NdArray(["b", "a", "b"], 3), Node("Unique", ["x"], ["y"], ("sorted", 0L))).Strings.ToArray());
        Assert.Equal([1, float.NaN], Run(NdArray.Vector(float.NaN, 1f, float.NaN), Node("Unique", ["x"], ["y"])).Floats.ToArray());
    }

    [Fact]
    public void Casts_between_texts_and_numbers_read_and_write_as_programs_do()
    {
        NdArray numbers = Run(new NdArray([" 1.5", "-2e3", "INF", "nan"], 4), Node("Cast", ["x"], ["y"], ("to", 1L)));
        Assert.Equal([1.5f, -2000, float.PositiveInfinity, float.NaN], numbers.Floats.ToArray());
        Assert.Equal(["0.1", "1e+08", "NaN", "-INF"], Run(NdArray.Vector(0.1f, 1e8f, float.NaN, float.NegativeInfinity), Node("Cast", ["x"], ["y"], ("to", 8L))).Strings.ToArray());
        Assert.Equal(["-7", "9223372036854775807"], Run(NdArray.Vector(-7L, long.MaxValue), Node("Cast", ["x"], ["y"], ("to", 8L))).Strings.ToArray());
        Assert.Contains("'seven'", Assert.Throws<InvalidDataException>(() => Run(new NdArray(["seven"], 1), Node("Cast", ["x"], ["y"], ("to", 1L)))).Message, StringComparison.Ordinal);
    }

    private static NdArray Run(NdArray x, NodeProto node) => new Session(Read(("x", x.Type, [.. x.Dims.ToArray().Select(d => (object)d)]), [], ["y"], null, node), 1).Run(x)[0];

    private static NodeProto Node(string op, string[] inputs, string[] outputs, params (string Name, object Value)[] attributes)
    {
        NodeProto node = MachineLearning.Pipelines.Ml(op, inputs, outputs, attributes);
        node.Domain = "";
        return node;
    }

    private static Graph Read((string Name, ElementType Type, object[] Dims) input, (string Name, ElementType Type, object[] Dims)[] more, string[] outputs, NdArray? w, NodeProto node)
    {
        ModelProto model = Models.Model(node);
        model.OpsetImport[0].Version = 22;
        foreach (var (name, type, dims) in more.Prepend(input)) model.WithInput(name, type, dims);
        if (w is not null) model.With(Models.Floats("w", w.Floats.ToArray(), w.Length));
        foreach (string output in outputs) model.Graph.Output.Add(new ValueInfoProto { Name = output });
        return OnnxReader.Read(model.ToByteArray()).Graph;
    }
}
