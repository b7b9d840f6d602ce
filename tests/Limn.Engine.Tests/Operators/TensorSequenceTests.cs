using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Onnx.Schema;
using Limn.Engine.Operators;
using Limn.Engine.Tests.Onnx;
using static Limn.Engine.Tests.Operators.Importing;

namespace Limn.Engine.Tests.Operators;

/// <summary>Sequences and optionals, of which only tensors are left.</summary>
public class TensorSequenceTests
{
    [Fact]
    public void Parts_of_a_tensor_can_be_taken_and_joined_and_gradients_pass()
    {
        // What PyTorch's exporter makes of torch.split and torch.stack.
        GradientCheck.Run((g, v) =>
        {
            Value parts = Import(g, "SplitToSequence", 11, [v[0], g.Constant(NdArray.Scalar(2L))], new() { ["axis"] = 1L })[0];
            Value second = Import(g, "SequenceAt", 11, [parts, g.Constant(NdArray.Scalar(1L))])[0], last = Import(g, "SequenceAt", 11, [parts, g.Constant(NdArray.Scalar(-1L))])[0];
            Value list = Import(g, "SequenceConstruct", 11, [second, g.Mul(second, v[1]), g.Mul(last, last)])[0];
            return Import(g, "ConcatFromSequence", 11, [list], new() { ["axis"] = -1L })[0];
        }, [Random(1, 2, 5), Random(2, 2, 2)], symbolic: false);
        GradientCheck.Run((g, v) =>
        {
            Value rows = Import(g, "SplitToSequence", 11, [v[0]], new() { ["keepdims"] = 0L })[0];
            Value longer = Import(g, "SequenceInsert", 11, [rows, g.Mul(v[1], v[1]), g.Constant(NdArray.Scalar(-1L))])[0];
            return Import(g, "ConcatFromSequence", 11, [Import(g, "SequenceErase", 11, [longer, g.Constant(NdArray.Scalar(0L))])[0]], new() { ["axis"] = 1L, ["new_axis"] = 1L })[0];
        }, [Random(1, 3, 4), Random(2, 4)], symbolic: false);
    }

    [Theory]
    [InlineData(0, new[] { 9f, 1, 2, 3 }, new[] { 2f, 3 })]
    [InlineData(1, new[] { 1f, 9, 2, 3 }, new[] { 1f, 3 })]
    [InlineData(2, new[] { 1f, 2, 9, 3 }, new[] { 1f, 2 })]
    [InlineData(-1, new[] { 1f, 2, 9, 3 }, new[] { 1f, 2 })]
    [InlineData(-3, new[] { 9f, 1, 2, 3 }, new[] { 2f, 3 })]
    public void Positions_may_be_known_or_arrive_while_the_model_runs(int position, float[] inserted, float[] erased)
    {
        foreach (bool known in new[] { true, false })
        {
            var g = new GraphBuilder();
            Value at = known ? g.Constant(NdArray.Scalar((long)position)) : g.Input("at", ElementType.Int64, []);
            Value list = Import(g, "SequenceConstruct", 11, [.. new[] { 1f, 2, 3 }.Select(x => g.Constant(NdArray.Vector(x)))])[0];
            foreach (Value result in new[] { Import(g, "SequenceInsert", 11, [list, g.Constant(NdArray.Vector(9f)), at])[0], Import(g, "SequenceErase", 11, [list, at])[0] })
                g.Output(g.Identity(Import(g, "ConcatFromSequence", 11, [result], new() { ["axis"] = 0L })[0]));
            g.Output(Import(g, "SequenceAt", 11, [list, at])[0]);
            NdArray[] got = new Session(g.Build(), 1).Run(known ? [] : [NdArray.Scalar((long)position)]);
            Assert.Equal(inserted, got[0].Floats.ToArray());
            Assert.Equal(erased, got[1].Floats.ToArray());
            Assert.Equal([new[] { 1f, 2, 3 }[position < 0 ? position + 3 : position]], got[2].Floats.ToArray());
        }
    }

    [Fact]
    public void The_element_of_a_late_position_may_have_its_own_shape_and_gets_the_gradient()
    {
        GradientCheck.Run((g, v) =>
        {
            Value list = Import(g, "SequenceConstruct", 11, [v[0], g.Mul(v[0], v[0]), v[1], v[0]])[0];
            return Import(g, "SequenceAt", 11, [list, v[2]])[0];
        }, [Random(1, 3), Random(2, 2, 2), NdArray.Scalar(1L)], symbolic: false);
        foreach (long outside in new[] { 2L, -3L })
        {
            var g = new GraphBuilder();
            Value at = g.Input("at", ElementType.Int64, []);
            g.Output(Import(g, "SequenceAt", 11, [Import(g, "SequenceConstruct", 11, [g.Constant(1f), g.Constant(2f)])[0], at])[0]);
            Assert.ThrowsAny<LimnException>(() => new Session(g.Build(), 1).Run(NdArray.Scalar(outside)));
            Assert.Contains("outside", Assert.Throws<InvalidModelException>(() => Import(g, "SequenceAt", 11, [Import(g, "SequenceConstruct", 11, [g.Constant(1f), g.Constant(2f)])[0], g.Constant(NdArray.Scalar(outside))])).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_loop_that_collects_into_a_sequence_is_unrolled_with_its_gradient()
    {
        // s = []; for i in 0..2: s.append(x * x[i]); y = concat(s)
        GraphProto body = Models.Model(
            Models.Node("Gather", ["x", "i"], ["xi"]),
            Models.Node("Mul", ["x", "xi"], ["scaled"]),
            Models.Node("SequenceInsert", ["s_in", "scaled"], ["s_out"]),
            Models.Identity("go", "goes"),
            Models.Identity("xi", "kept"))
            .WithInput("i", ElementType.Int64).WithInput("go", ElementType.Bool).WithOutput("goes", ElementType.Bool).Graph;
        body.Input.Add(Sequence("s_in"));
        body.Output.Add(Sequence("s_out"));
        body.Output.Add(Models.Info("kept", ElementType.Float));
        ModelProto model = Models.Model(
            Models.Node("SequenceEmpty", [], ["none"]),
            Models.Node("Loop", ["trips", "", "none"], ["s", "all"], new AttributeProto { Name = "body", Type = AttributeProto.Types.AttributeType.Graph, G = body }),
            Models.Node("ConcatFromSequence", ["s"], ["y"], new AttributeProto { Name = "axis", Type = AttributeProto.Types.AttributeType.Int, I = 0 }),
            Models.Node("SequenceLength", ["s"], ["length"]))
            .WithInput("x", ElementType.Float, 3).WithOutput("y").WithOutput("all").WithOutput("length", ElementType.Int64).With(Integer("trips", 3));
        Graph graph = OnnxReader.Read(Bytes(model)).Graph;
        NdArray x = NdArray.Vector(1f, 2, 3);
        NdArray[] got = new Session(graph, 1).Run(x);
        Assert.Equal([1f, 2, 3, 2, 4, 6, 3, 6, 9], got[0].Floats.ToArray());
        Assert.Equal([1f, 2, 3], got[1].Floats.ToArray());
        Assert.Equal(3, got[2].Integers[0]);
        // d (Σ x)² / dx = 2 Σ x
        GradientGraph gradient = Gradient.Of(graph, graph.Outputs[0], [graph.Inputs[0]]);
        Assert.Equal([12f, 12, 12], new Session(gradient.Graph, 1).Run(new Dictionary<Value, NdArray> { [graph.Inputs[0]] = x }, [gradient.Required()])[0].Floats.ToArray());

        model.Graph.Initializer.Clear();
        model.WithInput("trips", ElementType.Int64);
        Assert.Contains("how often it runs", Assert.Throws<UnsupportedOperatorException>(() => OnnxReader.Read(Bytes(model))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_sequence_that_is_fed_needs_a_length_and_one_that_comes_out_is_its_elements()
    {
        ModelProto model = Models.Model(Models.Node("Relu", ["x"], ["r"]), Models.Node("SequenceInsert", ["s", "r"], ["t"])).WithInput("x", ElementType.Float, 2);
        model.Graph.Input.Add(Sequence("s"));
        model.Graph.Output.Add(Sequence("t"));
        Assert.Contains("SequenceLengths", Assert.Throws<UnsupportedOperatorException>(() => OnnxReader.Read(Bytes(model))).Message, StringComparison.Ordinal);
        Graph graph = OnnxReader.Read(Bytes(model), new OnnxReadOptions { SequenceLengths = new Dictionary<string, int> { ["s"] = 2 } }).Graph;
        Assert.Equal(["x", "s[0]", "s[1]"], graph.Inputs.Select(i => i.Name));
        Assert.Equal(["t[0]", "t[1]", "t[2]"], graph.Outputs.Select(i => i.Name));
        Assert.Equal([0f, 2], new Session(graph, 1).Run(NdArray.Vector(-1f, 2), NdArray.Vector(5f), NdArray.Vector(6f, 7))[2].Floats.ToArray());
    }

    [Fact]
    public void More_elements_than_any_model_has_are_refused_before_memory_is_taken()
    {
        ModelProto model = Models.Model(Models.Node("SplitToSequence", ["x"], ["s"]), Models.Node("ConcatFromSequence", ["s"], ["y"], new AttributeProto { Name = "axis", Type = AttributeProto.Types.AttributeType.Int }))
            .WithInput("x", ElementType.Float, 2_000_000_000).WithOutput("y");
        Assert.Contains("65536", Assert.Throws<UnsupportedOperatorException>(() => OnnxReader.Read(Bytes(model))).Message, StringComparison.Ordinal);
        model.Graph.Node[0].Input.Add("sizes");
        model.WithInput("sizes", ElementType.Int64, 2_000_000_000);
        Assert.Contains("65536", Assert.Throws<UnsupportedOperatorException>(() => OnnxReader.Read(Bytes(model))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_can_be_taken_from_an_empty_sequence_at_a_late_position()
    {
        var g = new GraphBuilder();
        Value at = g.Input("at", ElementType.Int64, []);
        Assert.Throws<InvalidModelException>(() => Import(g, "SequenceAt", 11, [Import(g, "SequenceEmpty", 11, [])[0], at]));
        Assert.Throws<InvalidModelException>(() => Import(g, "CumProd", 26, [g.Input("x", ElementType.Float, []), at]));
    }

    [Fact]
    public void A_sequence_where_a_tensor_is_expected_is_refused_by_name()
    {
        ModelProto model = Models.Model(Models.Node("SequenceConstruct", ["x", "x"], ["s"]), Models.Node("Relu", ["s"], ["y"])).WithInput("x", ElementType.Float, 2).WithOutput("y");
        Assert.Contains("'s' is a sequence", Assert.Throws<InvalidModelException>(() => OnnxReader.Read(Bytes(model))).Message, StringComparison.Ordinal);
        model.Graph.Node[1] = Models.Node("SequenceConstruct", ["s"], ["y"]);
        Assert.Contains("sequences of sequences", Assert.Throws<UnsupportedOperatorException>(() => OnnxReader.Read(Bytes(model))).Message, StringComparison.Ordinal);
        model.Graph.Node[1] = Models.Node("SequenceAt", ["x", "x"], ["y"]);
        Assert.Contains("'x' is a tensor", Assert.Throws<InvalidModelException>(() => OnnxReader.Read(Bytes(model))).Message, StringComparison.Ordinal);
    }

    private static ValueInfoProto Sequence(string name) => new()
    {
        Name = name,
        Type = new TypeProto { SequenceType = new TypeProto.Types.Sequence { ElemType = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)ElementType.Float } } } },
    };

    private static TensorProto Integer(string name, long value)
    {
        TensorProto tensor = Models.Tensor(name, ElementType.Int64);
        tensor.Int64Data.Add(value);
        return tensor;
    }

    private static byte[] Bytes(ModelProto model) => Google.Protobuf.MessageExtensions.ToByteArray(model);
}
