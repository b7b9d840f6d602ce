using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Operators;

/// <summary>How old versions are read, what is refused, and what gradients cost.</summary>
public class LinearImportTests
{
    [Fact]
    public void Scale_and_bias_a_group_of_version_18_become_scale_and_bias_a_channel()
    {
        foreach (bool known in (bool[])[true, false])
        {
            var g = new GraphBuilder();
            Value x = g.Input("x", ElementType.Float, [2, known ? 4 : Dim.Named("c"), 3]);
            Value scale = g.Constant(NdArray.Vector(2f, 3f)), bias = g.Constant(NdArray.Vector(-1f, 1f));
            g.Output(Import(g, "GroupNormalization", 18, [x, scale, bias], ["y"], new() { ["num_groups"] = 2L })[0]);
            g.Output(g.GroupNormalization(x, g.Constant(NdArray.Vector(2f, 2, 3, 3)), g.Constant(NdArray.Vector(-1f, -1, 1, 1)), 2));
            NdArray[] y = new Session(g.Build()).Run(GradientCheck.Random([2, 4, 3], -1, 1, 1));
            Assert.Equal(y[1].Floats.ToArray(), y[0].Floats.ToArray());
        }
    }

    [Fact]
    public void Training_outputs_that_old_exporters_left_are_the_given_statistics()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [1, 2]);
        Value[] vectors = [.. Enumerable.Range(1, 4).Select(i => g.Constant(NdArray.Vector(i, i + 1f)))];
        IReadOnlyList<Value> outputs = Import(g, "BatchNormalization", 9, [x, .. vectors], ["y", "m", "v", "sm", "sv"], new() { ["momentum"] = 0.9f });
        Assert.Equal([vectors[2], vectors[3], vectors[2], vectors[3]], outputs.Skip(1));
    }

    [Fact]
    public void What_cannot_be_computed_is_refused_by_name()
    {
        Refused("spatial = 0", "BatchNormalization", new() { ["spatial"] = 0L });
        Refused("num_groups is 0", "GroupNormalization", new() { ["num_groups"] = 0L });
        Refused("group is 0", "Conv", new() { ["group"] = 0L });
        Refused("auto_pad 'SAME'", "Conv", new() { ["auto_pad"] = "SAME" });
        Refused("size is 0", "LRN", new() { ["size"] = 0L });
        Refused("p = 3", "LpNormalization", new() { ["p"] = 3L });

        static void Refused(string part, string name, Dictionary<string, object> attributes)
        {
            var g = new GraphBuilder();
            Value[] inputs = [.. Enumerable.Range(0, 5).Select(i => g.Input($"x{i}", ElementType.Float, [2, 2, 2]))];
            string message = Assert.Throws<UnsupportedOperatorException>(() => Import(g, name, 18, inputs, ["y"], attributes)).Message;
            Assert.Contains(part, message, StringComparison.Ordinal);
            Assert.Contains("'the node'", message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Gradients_of_max_pooling_and_layer_norm_run_the_forward_node_once_and_those_of_products_move_no_matrix()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("n"), 2, 6]), w = g.Input("w", ElementType.Float, [3, 4]);
        Value y = g.MaxPool(x, new SlidingWindow { Kernel = [2], Strides = [2] });
        y = g.LayerNormalization(y, g.Constant(NdArray.Vector(1f, 2f, 3f)));
        y = g.MatMul(y, w);
        Graph graph = g.Build();
        GradientGraph gradient = Gradient.Of(graph, y, [x, w]);
        RunProfile profile = new Session(gradient.Graph).Profile(
            new Dictionary<Value, NdArray> { [x] = GradientCheck.Random([2, 2, 6], -1, 1, 2), [w] = GradientCheck.Random([3, 4], -1, 1, 1) }, [y, gradient.Required(0), gradient.Required(1)]);
        string[] operators = [.. profile.Steps.Select(s => s.Operator)];
        Assert.Single(operators, "MaxPool");
        Assert.Single(operators, "LayerNormalization");
        Assert.Equal(2, operators.Count(o => o == "TransposedMatMul"));
        Assert.DoesNotContain("Transpose", operators);
        Assert.DoesNotContain("ReduceSum", operators);
    }

    [Fact]
    public void Gradients_exist_for_models_of_doubles()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Double, [2, 2, 4]), two = g.Constant(NdArray.Vector(1f, 2f).As(ElementType.Double));
        Value four = g.Constant(NdArray.Vector(1f, 2f, 3f, 4f).As(ElementType.Double));
        Value y = g.LayerNormalization(g.InstanceNormalization(g.BatchNormalization(x, two, two, two, two), two, two), four);
        y = g.Op(new LpNormalization(2), g.Op(new LocalResponseNormalization(2), y));
        y = g.AveragePool(g.MaxPool(y, new SlidingWindow { Kernel = [2], Dilations = [2], Pads = [1, 1] }), new SlidingWindow { Kernel = [2] });
        y = g.Add(g.GlobalMaxPool(y), g.GlobalAveragePool(y));
        Graph graph = g.Build();
        GradientGraph gradient = Gradient.Of(graph, y, [x]);
        Assert.Equal(ElementType.Double, gradient.Required().Type);
        NdArray dx = new Session(gradient.Graph).Run(
            new Dictionary<Value, NdArray> { [x] = GradientCheck.Random([2, 2, 4], -1, 1, 2).As(ElementType.Double) }, [gradient.Required()])[0];
        Assert.Contains(dx.Floats.ToArray(), v => v != 0 && float.IsFinite(v));
    }

    private static IReadOnlyList<Value> Import(GraphBuilder g, string name, int opset, IReadOnlyList<Value?> inputs, string[] outputs, Dictionary<string, object> attributes) =>
        OperatorRegistry.Find("", name)!.Import(new OperatorImport(g, "the node", opset, inputs, outputs, new NodeAttributes("the node", attributes)));
}
