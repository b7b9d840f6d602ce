using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Onnx.Schema;
using Limn.Engine.Operators;
using Limn.Engine.Tests.Operators;

namespace Limn.Engine.Tests.Onnx;

/// <summary>What other runtimes refuse if it is written otherwise.</summary>
public class OnnxWriterValidityTests
{
    private static ModelProto Written(Graph graph)
    {
        using var stream = new MemoryStream();
        OnnxWriter.Write(graph, stream);
        return ModelProto.Parser.ParseFrom(stream.ToArray());
    }

    [Theory]
    [InlineData(ElementType.Float, 17), InlineData(ElementType.Bool, 17), InlineData(ElementType.Float8E5M2, 19), InlineData(ElementType.Int4, 21)]
    [InlineData(ElementType.Float4E2M1, 23), InlineData(ElementType.Float8E8M0, 24), InlineData(ElementType.UInt2, 25)]
    public void The_operator_set_is_one_that_has_the_element_types(ElementType type, int opset)
    {
        var g = new GraphBuilder();
        g.Output(g.Cast(g.Input("x", type, [2]), ElementType.Int32), "y");
        Assert.Equal(opset, Written(g.Build()).OpsetImport.Single().Version);
    }

    [Fact]
    public void Operators_that_took_a_type_later_raise_the_operator_set()
    {
        var texts = new GraphBuilder();
        texts.Output(texts.Equal(texts.Input("a", ElementType.String, [2]), texts.Input("b", ElementType.String, [2])), "y");
        Assert.Equal(19, Written(texts.Build()).OpsetImport.Single().Version);
        var flags = new GraphBuilder();
        flags.Output(flags.ReduceMax(flags.Input("x", ElementType.Bool, [2]), [0]), "y");
        Assert.Equal(20, Written(flags.Build()).OpsetImport.Single().Version);
    }

    [Fact]
    public void A_loop_names_its_count_and_its_condition_even_where_there_are_none()
    {
        var body = new GraphBuilder("body");
        Value t = body.Input("t", ElementType.Int64, Shape.Scalar);
        body.Input("c", ElementType.Bool, Shape.Scalar);
        body.Output(body.Less(t, body.Constant(NdArray.Scalar(3L))));
        body.Output(body.Cast(t, ElementType.Float));
        var g = new GraphBuilder();
        foreach (Value output in g.Node(new Loop(body.Build(), 0), [null, null], 1)) g.Output(output);
        Assert.Equal(["", ""], Written(g.Build()).Graph.Node[0].Input);
    }

    [Fact]
    public void The_gradient_of_a_transposed_convolution_with_outputs_that_no_window_reaches_has_no_negative_pads()
    {
        NdArray x = GradientCheck.Random([1, 2, 3, 3], -1, 1, 1), w = GradientCheck.Random([2, 1, 3, 3], -1, 1, 2);
        var transposed = new ConvTranspose(new SlidingWindow { Strides = [3, 2] }) { OutputShape = [10, 8] };
        GradientCheck.Run((b, v) => b.Op(transposed, v[0], v[1]), [x, w], symbolic: false);

        var g = new GraphBuilder();
        Value[] places = [g.Input("x", ElementType.Float, Shape.Of(x.Dims)), g.Input("w", ElementType.Float, Shape.Of(w.Dims))];
        g.Output(g.Op(transposed, places));
        Graph forward = g.Build();
        ModelProto model = Written(Gradient.Of(forward, forward.Outputs[0], places).Graph);
        Assert.Contains(model.Graph.Node, n => n.OpType == "Conv");
        Assert.All(model.Graph.Node.SelectMany(n => n.Attribute).Where(a => a.Name == "pads"), a => Assert.All(a.Ints, p => Assert.True(p >= 0)));
    }

    [Fact]
    public void The_default_of_a_label_encoder_is_a_vector_of_one()
    {
        var g = new GraphBuilder();
        g.Output(g.Op(new LabelEncoder(new NdArray(["a"], 1), NdArray.Vector(1L), NdArray.Scalar(0L)), g.Input("x", ElementType.String, [2])), "y");
        Assert.Equal([1L], Written(g.Build()).Graph.Node[0].Attribute.Single(a => a.Name == "default_tensor").T.Dims);
    }
}
