using Google.Protobuf;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Onnx.Schema;
using Limn.Engine.Operators;
using static Limn.Engine.Tests.Onnx.Models;

namespace Limn.Engine.Tests.Onnx;

public class OnnxReaderTests
{
    private static ModelProto Chain() => Model(Identity("x", "y"), Identity("y", "z")).WithInput("x", ElementType.Float, "batch", 2).WithOutput("z");

    [Fact]
    public void A_model_is_read_with_its_header_names_and_symbols()
    {
        ModelProto model = Chain();
        model.MetadataProps.Add(new StringStringEntryProto { Key = "author", Value = "me" });
        OnnxFile file = Read(model);
        Assert.Equal(("g", "test 1", 8, 17), (file.Name, file.Producer, file.IrVersion, file.OpsetVersion));
        Assert.Equal("me", file.Metadata["author"]);
        Value x = Assert.Single(file.Graph.Inputs);
        Assert.Equal("x", x.Name);
        Assert.Equal(Shape.Of(Dim.Named("batch"), 2), x.Shape);
        Assert.Equal(["Identity_y", "Identity_z"], file.Graph.Nodes.Select(n => n.Name));
        Assert.Equal([1f, 2f], new Session(file.Graph).Run(new NdArray([1f, 2f], 1, 2))[0].Floats.ToArray());
    }

    [Fact]
    public void Dimensions_without_number_or_symbol_are_unknown()
    {
        ModelProto model = Model().WithOutput("x");
        model.Graph.Input.Add(Info("x", ElementType.Float, null, "n", "", -1));
        Shape shape = Read(model).Graph.Inputs[0].Shape!;
        Assert.Equal(4, shape.Rank);
        Assert.Equal("n", shape[1].Symbol);
        foreach (int axis in new[] { 0, 2, 3 }) Assert.True(!shape[axis].IsKnown && shape[axis].Symbol is null);
    }

    [Fact]
    public void Nodes_in_any_order_are_sorted_and_ordered_ones_keep_their_order()
    {
        Graph graph = Read(Model(Identity("c", "d"), Identity("x", "b"), Identity("b", "c"), Identity("x", "e")).WithInput("x", ElementType.Float, 1).WithOutput("d")).Graph;
        Assert.Equal(["b", "c", "d", "e"], graph.Nodes.Select(n => n.Outputs[0].Name));
        graph = Read(Model(Identity("x", "e"), Identity("x", "b"), Identity("b", "c")).WithInput("x", ElementType.Float, 1).WithOutput("c")).Graph;
        Assert.Equal(["e", "b", "c"], graph.Nodes.Select(n => n.Outputs[0].Name));
    }

    [Fact]
    public void Circles_are_refused_by_name() =>
        Refused(Model(Identity("c", "b"), Identity("b", "c"), Identity("c", "d")).WithOutput("d"), "circle", "Identity_b", "Identity_c");

    [Fact]
    public void Names_must_be_unique()
    {
        Refused(Model(Identity("x", "y"), Identity("x", "y")).WithInput("x", ElementType.Float, 1).WithOutput("y"), "'y'");
        Refused(Model(Identity("x", "x")).WithInput("x", ElementType.Float, 1).WithOutput("x"), "'x'");
        Refused(Model().With(Floats("w", [1]), Floats("w", [2])).WithOutput("w"), "'w'");
        Refused(Model().WithInput("x", ElementType.Float, 1).WithInput("x", ElementType.Float, 1).WithOutput("x"), "'x'");
    }

    [Fact]
    public void Names_that_come_from_nowhere_are_refused()
    {
        Refused(Model(Identity("nowhere", "y")).WithOutput("y"), "'nowhere'", "Identity_y");
        Refused(Chain().WithOutput("nowhere"), "'nowhere'");
    }

    [Fact]
    public void Initializers_that_are_inputs_too_are_initializers()
    {
        Graph graph = Read(Model(Identity("w", "y")).With(Floats("w", [4])).WithInput("w", ElementType.Float).WithOutput("y")).Graph;
        Assert.Empty(graph.Inputs);
        Assert.Equal([4f], new Session(graph).Run()[0].Floats.ToArray());
    }

    [Fact]
    public void An_output_may_be_an_input_or_an_initializer()
    {
        Graph graph = Read(Model().With(Floats("w", [4], 1)).WithInput("x", ElementType.Float, 1).WithOutput("w").WithOutput("x")).Graph;
        NdArray[] outputs = new Session(graph).Run(new NdArray([9f], 1));
        Assert.Equal(["w", "x"], graph.Outputs.Select(o => o.Name));
        Assert.Equal([4f], outputs[0].Floats.ToArray());
        Assert.Equal([9f], outputs[1].Floats.ToArray());
    }

    [Fact]
    public void Constants_of_every_kind_become_initializers()
    {
        var text = new AttributeProto { Name = "value_strings" };
        text.Strings.Add(ByteString.CopyFromUtf8("a"));
        text.Type = AttributeProto.Types.AttributeType.Strings;
        var floats = new AttributeProto { Name = "value_floats", Type = AttributeProto.Types.AttributeType.Floats };
        floats.Floats.AddRange([1, 2]);
        var ints = new AttributeProto { Name = "value_ints" }; // files of the first versions do not say the kind
        ints.Ints.AddRange([3, 4]);
        ModelProto model = Model(
            Node("Constant", [], ["t"], new AttributeProto { Name = "value", T = Floats("", [7], 1) }),
            Node("Constant", [], ["f"], new AttributeProto { Name = "value_float", F = 0.5f, Type = AttributeProto.Types.AttributeType.Float }),
            Node("Constant", [], ["i"], new AttributeProto { Name = "value_int", I = -3 }),
            Node("Constant", [], ["s"], new AttributeProto { Name = "value_string", S = ByteString.CopyFromUtf8("text") }),
            Node("Constant", [], ["fs"], floats), Node("Constant", [], ["is"], ints), Node("Constant", [], ["ss"], text));
        foreach (string name in new[] { "t", "f", "i", "s", "fs", "is", "ss" }) model.WithOutput(name);
        Graph graph = Read(model).Graph;
        NdArray[] arrays = [.. graph.Outputs.Select(o => graph.Initializers[o])];
        Assert.Empty(graph.Nodes);
        Assert.Equal(["Float[1]", "Float[]", "Int64[]", "String[]", "Float[2]", "Int64[2]", "String[1]"], arrays.Select(a => a.ToString()));
        Assert.Equal([0.5f], arrays[1].Floats.ToArray());
        Assert.Equal([3L, 4L], arrays[5].Integers.ToArray());
        Refused(Model(Node("Constant", [], ["c"])).WithOutput("c"), "no value");
    }

    [Fact]
    public void Unknown_operators_are_all_named_with_node_domain_opset_and_neighbour()
    {
        NodeProto named = Node("Identiti", ["x"], ["a"]), other = Node("Mystery", ["a"], ["b"]);
        named.Name = "first";
        other.Domain = "my.domain";
        ModelProto model = Model(named, other).WithInput("x", ElementType.Float, 1).WithOutput("b");
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "my.domain", Version = 3 });
        string message = Assert.Throws<UnsupportedOperatorException>(() => Read(model)).Message;
        foreach (string part in new[] { "Identiti (ai.onnx 17; node 'first')", "nearest that it knows is Identity", "Mystery (my.domain 3; node 'Mystery_b')" })
            Assert.Contains(part, message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_list_of_unknown_operators_is_complete_and_short()
    {
        ModelProto model = Model([.. Enumerable.Range(0, 9).Select(i => Node($"Mystery{i}", ["x"], [$"y{i}"]))]).WithInput("x", ElementType.Float, 1).WithOutput("y0");
        string message = Assert.Throws<UnsupportedOperatorException>(() => Read(model)).Message;
        Assert.Contains("9 operators are not supported", message, StringComparison.Ordinal);
        Assert.Contains("node 'Mystery4_y4'", message, StringComparison.Ordinal);
        Assert.EndsWith("; also Mystery5, Mystery6, Mystery7, Mystery8.", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Attributes_that_are_not_read_are_errors()
    {
        ModelProto model = Model(Node("Identity", ["x"], ["y"], new AttributeProto { Name = "odd", I = 1 })).WithInput("x", ElementType.Float, 1).WithOutput("y");
        string message = Assert.Throws<UnsupportedOperatorException>(() => Read(model)).Message;
        foreach (string part in new[] { "'odd'", "Identity_y", "Identity", "17" }) Assert.Contains(part, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Errors_of_an_operator_name_node_operator_and_opset() =>
        Refused(Model(Node("Identity", [], ["y"])).WithOutput("y"), "model:", "Identity_y", "(Identity, ai.onnx 17)");

    [Fact]
    public void The_domain_ai_onnx_is_the_empty_one()
    {
        ModelProto model = Chain();
        model.OpsetImport[0].Domain = "ai.onnx";
        model.Graph.Node[0].Domain = "ai.onnx";
        Assert.Equal(17, Read(model).OpsetVersion);
    }

    [Theory]
    [InlineData(2, 17), InlineData(14, 17), InlineData(8, 6), InlineData(8, 28)]
    public void Versions_outside_the_range_are_refused(int ir, int opset)
    {
        ModelProto model = Chain();
        model.IrVersion = ir;
        model.OpsetImport[0].Version = opset;
        Assert.Throws<UnsupportedOperatorException>(() => Read(model));
    }

    [Theory]
    [InlineData(3, 7), InlineData(13, 27)]
    public void The_ends_of_the_range_are_read(int ir, int opset)
    {
        ModelProto model = Chain();
        model.IrVersion = ir;
        model.OpsetImport[0].Version = opset;
        Assert.Equal(opset, Read(model).OpsetVersion);
    }

    [Fact]
    public void Made_up_names_avoid_those_of_the_file()
    {
        // "Identity_0" is what the builder would call its first node.
        NodeProto first = Identity("x", "y"), second = Identity("y", "Identity_0");
        Graph graph = Read(Model(first, second).WithInput("x", ElementType.Float, 1).WithOutput("Identity_0")).Graph;
        Value made = new GraphBuilder(graph).Identity(graph.Inputs[0]);
        Assert.NotEqual("Identity_0", made.Name);
    }

    [Fact]
    public void A_declared_shape_stands_in_where_inference_finds_no_rank()
    {
        ModelProto model = Model(Node("ConstantOfShape", ["dims"], ["a"]), Identity("a", "b")).WithOutput("b");
        var dims = Info("dims", ElementType.Int64);
        dims.Type.TensorType.Shape = null;
        model.Graph.Input.Add(dims);
        model.Graph.ValueInfo.Add(Info("a", ElementType.Float, "n", 3));
        Assert.Equal(Shape.Of(Dim.Named("n"), 3), Read(model).Graph.Find("a")!.Shape);
    }

    [Fact]
    public void Limits_are_kept()
    {
        var few = new OnnxReadOptions { MaxNodes = 1 };
        Assert.Contains("MaxNodes", Assert.Throws<InvalidModelException>(() => Read(Chain(), few)).Message, StringComparison.Ordinal);
        var small = new OnnxReadOptions { MaxFileBytes = 10 };
        Assert.Contains("MaxFileBytes", Assert.Throws<InvalidModelException>(() => Read(Chain(), small)).Message, StringComparison.Ordinal);
        ModelProto deep = Chain();
        GraphProto inner = deep.Graph;
        for (int i = 0; i < 60; i++)
        {
            var body = new GraphProto();
            inner.Node.Add(Node("If", [], [], new AttributeProto { Name = "then_branch", G = body }));
            inner = body;
        }
        Assert.Contains("damaged", Assert.Throws<InvalidModelException>(() => Read(deep)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_truncation_and_every_flipped_byte_gives_a_model_or_an_error_of_ours()
    {
        byte[] bytes = Chain().With(Floats("w", [1, 2, 3], 3)).ToByteArray();
        int refused = 0;
        for (int length = 0; length < bytes.Length; length++) refused += ReadOrRefuse(bytes.AsMemory(0, length)) ? 0 : 1;
        for (int at = 0; at < bytes.Length; at++)
            foreach (byte mask in new byte[] { 1, 0x80, 0xFF })
            {
                byte[] damaged = [.. bytes];
                damaged[at] ^= mask;
                refused += ReadOrRefuse(damaged) ? 0 : 1;
            }
        Assert.True(refused > bytes.Length);
        Assert.True(ReadOrRefuse(bytes));
    }

    [Fact]
    public void Missing_files_folders_and_noise_are_refused_with_the_name_of_the_file()
    {
        string folder = Directory.CreateTempSubdirectory("limn").FullName;
        string noise = Path.Combine(folder, "noise.onnx");
        var bytes = new byte[1000];
        new System.Random(1).NextBytes(bytes);
        File.WriteAllBytes(noise, bytes);
        foreach (string path in new[] { noise, folder, Path.Combine(folder, "missing.onnx") })
            Assert.StartsWith(Path.GetFileName(path) + ":", Assert.Throws<InvalidModelException>(() => OnnxReader.Read(path)).Message, StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    private static bool ReadOrRefuse(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            OnnxReader.Read(bytes);
            return true;
        }
        catch (LimnException)
        {
            return false;
        }
    }

    private static void Refused(ModelProto model, params string[] parts)
    {
        string message = Assert.Throws<InvalidModelException>(() => Read(model)).Message;
        foreach (string part in parts) Assert.Contains(part, message, StringComparison.Ordinal);
    }
}
