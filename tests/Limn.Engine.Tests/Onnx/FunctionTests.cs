using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Onnx.Schema;
using static Limn.Engine.Tests.Onnx.Models;

namespace Limn.Engine.Tests.Onnx;

public class FunctionTests
{
    private const int Own = 13; // the operator set that the function is written in; the model's is 17

    [Fact]
    public void A_function_is_its_nodes_with_the_call_s_names_and_attributes()
    {
        // f(x; slope = 0.5) = LeakyRelu(x; slope) + 1, twice, once with the attribute's default
        ModelProto model = Model(Call("x", "a"), Call("a", "y", new AttributeProto { Name = "slope", Type = AttributeProto.Types.AttributeType.Float, F = 0.25f }));
        Graph graph = Read(model.With(Floats("one", [1], 1)).WithInput("x", ElementType.Float, 2).WithOutput("y"), Leaky());
        Assert.Equal([.25f * -3 + 1, 3f], new Session(graph).Run(NdArray.Vector(-8f, 1f))[0].Floats.ToArray());
        Assert.Contains(graph.Nodes, n => n.Name == "Mine_y/LeakyRelu_z");
        Assert.NotNull(graph.Find("Mine_y/z"));
    }

    [Fact]
    public void Functions_call_functions()
    {
        var twice = new FunctionProto { Name = "Twice", Domain = "local", Input = { "x" }, Output = { "y" }, OpsetImport = { new OperatorSetIdProto { Domain = "local", Version = 1 } } };
        twice.Node.Add(Local(Node("Mine", ["x"], ["between"])));
        twice.Node.Add(Local(Node("Mine", ["between"], ["y"])));
        Graph graph = Read(Model(Local(Node("Twice", ["x"], ["y"]))).WithInput("x", ElementType.Float, 1).WithOutput("y"), Leaky(), twice);
        Assert.Equal([1.5f], new Session(graph).Run(NdArray.Vector(-1f))[0].Floats.ToArray());
    }

    [Fact]
    public void A_function_that_returns_its_input_and_one_that_leaves_an_output_unused()
    {
        var both = new FunctionProto { Name = "Mine", Domain = "local", Input = { "x" }, Output = { "x", "z" }, OpsetImport = { new OperatorSetIdProto { Version = Own } } };
        both.Node.Add(Node("Neg", ["x"], ["z"]));
        Graph graph = Read(Model(Local(Node("Mine", ["x"], ["y"])), Local(Node("Mine", ["y"], ["", "w"]))).WithInput("x", ElementType.Float, 1).WithOutput("y").WithOutput("w"), both);
        Assert.Equal([2f, -2f], new Session(graph).Run(NdArray.Vector(2f)).Select(o => o.Floats[0]));
    }

    [Fact]
    public void Graphs_inside_a_function_s_nodes_are_renamed_too()
    {
        var branch = new GraphProto { Name = "b", Output = { Info("r", ElementType.Float, 1) } };
        branch.Node.Add(Node("Neg", ["x"], ["r"]));
        var other = new GraphProto { Name = "c", Output = { Info("s", ElementType.Float, 1) } };
        other.Node.Add(Node("Identity", ["x"], ["s"]));
        var function = new FunctionProto { Name = "Mine", Domain = "local", Input = { "x", "c" }, Output = { "y" }, OpsetImport = { new OperatorSetIdProto { Version = Own } } };
        function.Node.Add(Node("If", ["c"], ["y"], GraphOf("then_branch", branch), GraphOf("else_branch", other)));
        Graph graph = Read(Model(Local(Node("Mine", ["u", "v"], ["a"])), Local(Node("Mine", ["a", "v"], ["y"]))).WithInput("u", ElementType.Float, 1).WithInput("v", ElementType.Bool).WithOutput("y").WithOutput("a"), function);
        Assert.Equal([3f, -3f], new Session(graph).Run(NdArray.Vector(3f), NdArray.Scalar(true)).Select(o => o.Floats[0]));
        Assert.Equal([3f, 3f], new Session(graph).Run(NdArray.Vector(3f), NdArray.Scalar(false)).Select(o => o.Floats[0]));
    }

    [Fact]
    public void Functions_that_call_themselves_or_multiply_are_refused()
    {
        var self = new FunctionProto { Name = "Mine", Domain = "local", Input = { "x" }, Output = { "y" }, OpsetImport = { new OperatorSetIdProto { Domain = "local", Version = 1 } } };
        self.Node.Add(Local(Node("Mine", ["x"], ["y"])));
        Assert.Contains("deep", Assert.Throws<InvalidModelException>(() => Read(Model(Local(Node("Mine", ["x"], ["y"]))).WithInput("x", ElementType.Float, 1).WithOutput("y"), self)).Message, StringComparison.Ordinal);

        var levels = Enumerable.Range(0, 7).Select(level =>
        {
            var f = new FunctionProto { Name = $"F{level}", Domain = "local", Input = { "x" }, Output = { "y30" }, OpsetImport = { new OperatorSetIdProto { Domain = "local", Version = 1 }, new OperatorSetIdProto { Version = Own } } };
            for (int i = 0; i <= 30; i++) f.Node.Add(level == 0 ? Node("Neg", [i == 0 ? "x" : $"y{i - 1}"], [$"y{i}"]) : Local(Node($"F{level - 1}", [i == 0 ? "x" : $"y{i - 1}"], [$"y{i}"])));
            return f;
        });
        Assert.Contains("MaxNodes", Assert.Throws<InvalidModelException>(() => Read(Model(Local(Node("F6", ["x"], ["y"]))).WithInput("x", ElementType.Float, 1).WithOutput("y"), [.. levels])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_operator_that_a_function_lacks_is_named()
    {
        var function = new FunctionProto { Name = "Mine", Domain = "local", Input = { "x" }, Output = { "y" }, OpsetImport = { new OperatorSetIdProto { Version = Own } } };
        function.Node.Add(Node("Strange", ["x"], ["y"]));
        Assert.Contains("Strange", Assert.Throws<UnsupportedOperatorException>(() => Read(Model(Local(Node("Mine", ["x"], ["y"]))).WithInput("x", ElementType.Float, 1).WithOutput("y"), function)).Message, StringComparison.Ordinal);
    }

    internal static AttributeProto GraphOf(string name, GraphProto graph) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Graph, G = graph };

    private static FunctionProto Leaky()
    {
        var function = new FunctionProto { Name = "Mine", Domain = "local", Input = { "x" }, Output = { "y" }, OpsetImport = { new OperatorSetIdProto { Version = Own } } };
        function.AttributeProto.Add(new AttributeProto { Name = "slope", Type = AttributeProto.Types.AttributeType.Float, F = 0.5f });
        function.Node.Add(Node("LeakyRelu", ["x"], ["z"], new AttributeProto { Name = "alpha", Type = AttributeProto.Types.AttributeType.Float, RefAttrName = "slope" }));
        function.Node.Add(Node("Constant", [], ["one"], new AttributeProto { Name = "value_float", Type = AttributeProto.Types.AttributeType.Float, F = 1 }));
        function.Node.Add(Node("Add", ["z", "one"], ["y"]));
        return function;
    }

    private static NodeProto Call(string from, string to, params AttributeProto[] attributes) => Local(Node("Mine", [from], [to], attributes));

    private static NodeProto Local(NodeProto node)
    {
        node.Domain = "local";
        return node;
    }

    private static Graph Read(ModelProto model, params FunctionProto[] functions)
    {
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "local", Version = 1 });
        model.Functions.AddRange(functions);
        return OnnxReader.Read(Google.Protobuf.MessageExtensions.ToByteArray(model)).Graph;
    }
}
