using Google.Protobuf;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Onnx.Schema;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Onnx;

public sealed class OnnxWriterTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("limn").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static ModelProto Written(Graph graph, OnnxWriteOptions? options = null)
    {
        using var stream = new MemoryStream();
        OnnxWriter.Write(graph, stream, options);
        return ModelProto.Parser.ParseFrom(stream.ToArray());
    }

    private static Graph Reread(Graph graph) => OnnxReader.Read(Written(graph).ToByteArray()).Graph;

    [Fact]
    public void What_is_written_reads_back_with_the_same_names_shapes_and_results()
    {
        var g = new GraphBuilder("net");
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 2, Dim.Unknown]);
        g.Output(g.Identity(x), "y");
        g.Output(g.Node(new ShapeOf { Start = 1 }, [x], outputNames: ["dims"])[0]);
        g.Output(g.Node(new ConstantOfShape(NdArray.Vector(2.5f)), [g.Constant(NdArray.Vector(2L, 1L), "of")], outputNames: ["filled"])[0]);
        Graph before = g.Build(), after = Reread(before);

        Assert.Equal("net", after.Name);
        Assert.Equal(["x"], after.Inputs.Select(i => i.Name));
        Assert.Equal("batch", after.Inputs[0].Shape![0].Symbol);
        Assert.Equal(2, after.Inputs[0].Shape![1].Value);
        Assert.Null(after.Inputs[0].Shape![2].Symbol);
        Assert.Equal(["y", "dims", "filled"], after.Outputs.Select(o => o.Name));
        Assert.NotNull(after.Find("of"));
        var input = new NdArray([1f, 2f, 3f, 4f, 5f, 6f], 1, 2, 3);
        NdArray[] expected = new Session(before).Run(input), got = new Session(after).Run(input);
        Assert.Equal(expected[0].Floats.ToArray(), got[0].Floats.ToArray());
        Assert.Equal([2L, 3L], got[1].Integers.ToArray());
        Assert.Equal([2.5f, 2.5f], got[2].Floats.ToArray());
    }

    [Fact]
    public void Weights_of_every_type_come_back()
    {
        NdArray[] arrays =
        [
            new([1.5f, float.NaN], 2), NdArray.Scalar(3f), new((float[])[], 0, 2), new([1L, long.MinValue], 2), new([true, false], 2), new(["ä", ""], 2),
            .. new[] { ElementType.Int32, ElementType.Int16, ElementType.Int8 }.Select(t => new NdArray([1L, -2L], 2).As(t)),
            .. new[] { ElementType.UInt64, ElementType.UInt32, ElementType.UInt16, ElementType.UInt8 }.Select(t => new NdArray([1L, 200L], 2).As(t)),
        ];
        var g = new GraphBuilder();
        foreach (NdArray array in arrays) g.Output(g.Constant(array));
        Graph after = Reread(g.Build());
        for (int i = 0; i < arrays.Length; i++)
        {
            NdArray got = after.Initializers[after.Outputs[i]];
            Assert.Equal(arrays[i].ToString(), got.ToString());
            if (got.Type.IsFloating()) Assert.Equal(arrays[i].Floats.ToArray(), got.Floats.ToArray());
            else if (got.Type.IsInteger()) Assert.Equal(arrays[i].Integers.ToArray(), got.Integers.ToArray());
            else if (got.Type == ElementType.Bool) Assert.Equal(arrays[i].Booleans.ToArray(), got.Booleans.ToArray());
            else Assert.Equal(arrays[i].Strings.ToArray(), got.Strings.ToArray());
        }
    }

    [Fact]
    public void Every_floating_type_is_written_as_float()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Double, [1]);
        g.Output(g.Op(new Typed { To = ElementType.Float16 }, x), "y");
        g.Output(g.Constant(NdArray.Vector(1f).As(ElementType.BFloat16), "w"));
        GraphProto graph = Written(g.Build()).Graph;
        Assert.Equal((int)ElementType.Float, graph.Input[0].Type.TensorType.ElemType);
        Assert.Equal((int)ElementType.Float, graph.Initializer[0].DataType);
        Assert.Equal((int)ElementType.Float, graph.Node[0].Attribute.Single(a => a.Name == "to").I);
    }

    [Fact]
    public void Attributes_of_every_kind_are_written()
    {
        var g = new GraphBuilder();
        g.Output(g.Op(new Typed { To = ElementType.Int64 }, g.Input("x", ElementType.Float, [1])), "y");
        Dictionary<string, AttributeProto> attributes = Written(g.Build()).Graph.Node[0].Attribute.ToDictionary(a => a.Name);
        Assert.Equal(7, attributes["to"].I);
        Assert.Equal(0.5f, attributes["f"].F);
        Assert.Equal("text", attributes["s"].S.ToStringUtf8());
        Assert.Equal([1L, 2L], attributes["ints"].Ints);
        Assert.Equal([1f, 2f], attributes["floats"].Floats);
        Assert.Equal("a", Assert.Single(attributes["strings"].Strings).ToStringUtf8());
        Assert.Equal([1L], attributes["tensor"].T.Dims);
        Assert.Equal(1, attributes["flag"].I);
        Assert.All(attributes.Values, a => Assert.NotEqual(AttributeProto.Types.AttributeType.Undefined, a.Type));
    }

    [Fact]
    public void Operators_that_ONNX_lacks_are_written_as_their_decompositions()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [2]);
        Value a = g.Node(new Twofold(1), [x], outputNames: ["a"])[0];
        Value b = g.Node(new Twofold(0), [a], outputNames: ["b"])[0];
        g.Output(g.Node(new Twofold(2), [b], outputNames: ["c"])[0]);
        g.Output(g.Node(new Through(), [x], outputNames: ["d"])[0]);
        g.Output(b);
        Graph before = g.Build();
        ModelProto model = Written(before);
        Assert.All(model.Graph.Node, n => Assert.Equal("", n.Domain));
        Assert.Equal(["a", "b", "c", "d"], model.Graph.Node.SelectMany(n => n.Output).Where(o => o.Length == 1).Order());
        Graph after = OnnxReader.Read(model.ToByteArray()).Graph;
        Assert.Equal(["c", "d", "b"], after.Outputs.Select(o => o.Name));
        var input = new NdArray([1f, 2f], 2);
        Assert.Equal([1f, 2f], new Session(after).Run(input)[0].Floats.ToArray());
        Assert.Equal(model.Graph.Node.Count, new HashSet<string>(model.Graph.Node.Select(n => n.Output[0])).Count);
    }

    [Fact]
    public void An_operator_without_a_form_in_ONNX_is_named()
    {
        var g = new GraphBuilder();
        g.Output(g.Op(new Formless(), g.Input("x", ElementType.Float, [1])), "y");
        Assert.Contains("Formless", Assert.Throws<UnsupportedOperatorException>(() => Written(g.Build())).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(13, 17, 17, 8), InlineData(21, 17, 21, 10), InlineData(13, 23, 23, 11), InlineData(25, 17, 25, 13)]
    public void The_operator_set_is_the_highest_that_a_node_needs(int needed, int least, int opset, int ir)
    {
        var g = new GraphBuilder();
        g.Output(g.Op(new Typed { Version = needed }, g.Input("x", ElementType.Float, [1])), "y");
        ModelProto model = Written(g.Build(), new OnnxWriteOptions { MinOpset = least });
        Assert.Equal((opset, ir), ((int)model.OpsetImport.Single().Version, (int)model.IrVersion));
    }

    [Fact]
    public void Outputs_that_are_inputs_weights_or_the_same_value_twice_are_written()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [1]), y = g.Identity(x);
        foreach (Value output in new[] { x, y, y, g.Constant(NdArray.Vector(5f), "w") }) g.Output(output);
        Graph after = Reread(g.Build());
        Assert.Equal(4, after.Outputs.Select(o => o.Name).Distinct().Count());
        Assert.Equal([[3f], [3f], [3f], [5f]], new Session(after).Run(NdArray.Vector(3f)).Select(a => a.Floats.ToArray()));
    }

    [Fact]
    public void Header_and_metadata_are_written()
    {
        var g = new GraphBuilder();
        g.Output(g.Input("x", ElementType.Float, null));
        ModelProto model = Written(g.Build(), new OnnxWriteOptions { Description = "text", Metadata = new Dictionary<string, string> { ["k"] = "v" } });
        Assert.Equal(("limn", "text"), (model.ProducerName, model.DocString));
        Assert.Equal("v", model.MetadataProps.Single().Value);
        Assert.Null(model.Graph.Input[0].Type.TensorType.Shape);
        Assert.Throws<InvalidOptionException>(() => Written(g.Build(), new OnnxWriteOptions { MinOpset = 99 }));
    }

    [Fact]
    public void Weights_can_lie_in_a_file_of_their_own()
    {
        string path = Path.Combine(folder, "m.onnx");
        float[] large = [.. Enumerable.Range(0, 1000).Select(i => (float)i)];
        var g = new GraphBuilder();
        foreach (NdArray array in new[] { new NdArray(large, 1000), NdArray.Vector(1f), new NdArray(large, 10, 100) }) g.Output(g.Constant(array));
        OnnxWriter.Write(g.Build(), path, new OnnxWriteOptions { ExternalData = true });
        Assert.Equal(["m.onnx", "m.onnx.data"], Directory.GetFiles(folder).Select(Path.GetFileName).Order());
        Assert.True(new FileInfo(path).Length < 1000);
        Graph after = OnnxReader.Read(path).Graph;
        Assert.Equal(large, after.Initializers[after.Outputs[2]].Floats.ToArray());
        Assert.Throws<LimnException>(() => Written(g.Build(), new OnnxWriteOptions { ExternalData = true }));
    }

    [Fact]
    public void A_failure_leaves_the_old_file_and_nothing_else()
    {
        string path = Path.Combine(folder, "m.onnx");
        File.WriteAllText(path, "old");
        var g = new GraphBuilder();
        g.Output(g.Op(new Formless(), g.Input("x", ElementType.Float, [1])), "y");
        Assert.Throws<UnsupportedOperatorException>(() => OnnxWriter.Write(g.Build(), path));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Single(Directory.GetFiles(folder));
        Assert.Throws<LimnException>(() => OnnxWriter.Write(g.Build(), Path.Combine(folder, "no", "such", "m.onnx")));
    }

    /// <summary>An operator with an attribute of every kind.</summary>
    private sealed class Typed : Operator
    {
        public ElementType To { get; init; } = ElementType.Float;
        public int Version { get; init; } = 13;
        public override string Name => "Typed";
        public override int OpsetVersion => Version;
        public override IEnumerable<OperatorAttribute> Attributes =>
        [
            new("to", (long)To), new("f", 0.5f), new("s", "text"), new("ints", new long[] { 1, 2 }), new("floats", new[] { 1f, 2f }),
            new("strings", new[] { "a" }), new("tensor", NdArray.Vector(1f)), new("flag", true),
        ];
        public override void Infer(InferenceContext context) => context.Output(0, To, context.ShapeOf(0));
        public override void Execute(KernelContext context) => context.Output(0).CopyFrom(context.Input(0));
    }

    private abstract class Internal : Operator
    {
        public override string Name => GetType().Name;
        public override string Domain => "limn";
        public override void Infer(InferenceContext context) => context.SameAs(0);
        public override void Execute(KernelContext context) => context.Output(0).CopyFrom(context.Input(0));
    }

    /// <summary>An internal operator that decomposes into Identity and another internal one, to the given depth.</summary>
    private sealed class Twofold(int depth) : Internal
    {
        public override IReadOnlyList<Value> Decompose(GraphBuilder graph, Node node)
        {
            Value x = graph.Identity(node.Inputs[0]!);
            return [depth == 0 ? x : graph.Op(new Twofold(depth - 1), x)];
        }
    }

    /// <summary>An internal operator whose decomposition is its own input.</summary>
    private sealed class Through : Internal
    {
        public override IReadOnlyList<Value> Decompose(GraphBuilder graph, Node node) => [node.Inputs[0]!];
    }

    private sealed class Formless : Internal;
}
