using Limn.ClassActivation;
using Limn.Data;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Games;
using Limn.Gradients;
using Limn.Models;
using Limn.Propagation;
using Limn.Tests.ClassActivation;

namespace Limn.Tests;

/// <summary>What an explanation says about itself, in words that name the place and the remedy.</summary>
public sealed class DiagnosisTests
{
    /// <summary>Sum of relu(x · 1 + bias) of 200 units, of which the first alone has no bias.</summary>
    private static OnnxModel Gate(float bias)
    {
        var g = new GraphBuilder();
        NdArray weights = NdArray.Create(ElementType.Float, 2, 200), biases = NdArray.Create(ElementType.Float, 200);
        weights.Floats.Fill(1);
        biases.Floats[1..].Fill(bias);
        Value h = g.Add(g.MatMul(g.Input("x", ElementType.Float, [Dim.Named("batch"), 2]), g.Constant(weights)), g.Constant(biases));
        Value on = g.Node(new Relu(), [h], name: "gate", outputNames: ["on"])[0];
        g.Output(g.ReduceSum(on, [1], keepDims: true), "y");
        return new OnnxModel(g.Build());
    }

    private static string Only(Attribution a, string words) => Assert.Single(a.Remarks, r => r.Contains(words, StringComparison.Ordinal));

    [Fact]
    public void A_relu_of_which_nearly_all_units_are_off_is_named()
    {
        NdArray x = new([1f, 1, -3, 1], 2, 2);
        Attribution a = new Saliency(Gate(bias: -100)).Explain([x], Target.Class(0));
        Assert.True(a.Flags.HasFlag(AttributionFlags.DeadLayer));
        string remark = Only(a, "'gate'"); // row 0: 199 of 200; row 1: all
        Assert.Contains("rows 0, 1", remark, StringComparison.Ordinal);
        Assert.Contains("99.5 %", remark, StringComparison.Ordinal);
        Assert.Contains("row 1, all of the units", Only(new IntegratedGradients(Gate(bias: -100)).Explain([x.Rows(1, 1)], Target.Class(0)), "'gate'").Replace("row 0", "row 1", StringComparison.Ordinal), StringComparison.Ordinal);

        Assert.False(new Saliency(Gate(bias: 0)).Explain([x.Rows(0, 1)], Target.Class(0)).Flags.HasFlag(AttributionFlags.DeadLayer));
        // A method that needs no gradient is not concerned, nor is a layer behind the ReLU.
        Assert.Equal(AttributionFlags.None, new FeatureAblation(Gate(bias: -100)).Explain([x.Rows(0, 1)], Target.Class(0)).Flags);
        Assert.Equal(AttributionFlags.None, new Saliency(Gate(bias: -100)).Explain([x.Rows(0, 1)], Target.Class(0), new ExplainOptions { At = "on" }).Flags);
    }

    [Fact]
    public void Dead_units_are_found_in_company_too()
    {
        OnnxModel model = Gate(bias: -100);
        Comparison c = Comparison.Of([new Saliency(model), new Lrp(model), new FeatureAblation(model)], [new NdArray([1f, 1], 1, 2)], Target.Class(0));
        Assert.Equal([true, true, false], c.Attributions.Select(a => a.Flags.HasFlag(AttributionFlags.DeadLayer)));
    }

    [Fact]
    public void A_layer_that_is_zero_everywhere_has_a_map_that_says_so()
    {
        OnnxModel model = MapNetworks.OneConv();
        NdArray dark = MapNetworks.Ramp();
        dark.Floats.Fill(-100);
        string layer = model.Graph.Nodes.First(n => n.Operator is Relu).Outputs[0].Name;
        Attribution a = new GradCam(model).Explain([dark], Target.Class(0), new ExplainOptions { At = layer });
        bool off = model.Fetch(model.FeedsOf([dark]), [model.Layers.Find(layer)], default)[0].Floats.IndexOfAnyExcept(0f) < 0;
        Assert.Equal(off, a.Flags.HasFlag(AttributionFlags.DeadLayer));
        Assert.True(off);
        Assert.Contains($"'{layer}' is zero everywhere in row 0", Only(a, "zero everywhere"), StringComparison.Ordinal);
        Assert.False(new GradCam(model).Explain([MapNetworks.Ramp()], Target.Class(0)).Flags.HasFlag(AttributionFlags.DeadLayer));
    }

    [Fact]
    public void A_baseline_outside_of_a_tables_own_range_is_noted()
    {
        OnnxModel model = Networks.Linear(0, 1, 1);
        NdArray rows = NdArray.Create(ElementType.Float, 20, 2);
        for (int r = 0; r < 20; r++) (rows.Floats[2 * r], rows.Floats[2 * r + 1]) = (r - 10, 100 + r); // zero is usual in the first column only
        Attribution a = new IntegratedGradients(model).Explain([rows], Target.Class(0));
        Assert.Equal(AttributionFlags.OutOfRange, a.Flags);
        string remark = Only(a, "outside of the range");
        Assert.Contains("50 % of the elements (0 where the data lie between 100 and 119)", remark, StringComparison.Ordinal);
        Assert.Contains("--baseline mean", remark, StringComparison.Ordinal);

        Assert.Equal(AttributionFlags.None, new IntegratedGradients(model) { Baseline = Baseline.Mean }.Explain([rows], Target.Class(0)).Flags);
        Assert.Equal(AttributionFlags.None, new IntegratedGradients(model) { Baseline = Baseline.Background([rows]) }.Explain([rows], Target.Class(0)).Flags);
        Assert.Equal(AttributionFlags.None, new Saliency(model) { Absolute = false }.Explain([rows], Target.Class(0)).Flags);
        // A few rows tell no range; a range that is given counts for any number.
        Assert.Equal(AttributionFlags.None, new IntegratedGradients(model).Explain([rows.Rows(0, 19)], Target.Class(0)).Flags);
        Assert.Equal(AttributionFlags.OutOfRange, new FeatureAblation(model).Explain([rows.Rows(0, 1)], Target.Class(0), new ExplainOptions { Range = DataRange.Of([rows]) }).Flags);
        Assert.Throws<ShapeMismatchException>(() => new IntegratedGradients(model).Explain([rows], Target.Class(0), new ExplainOptions { Range = DataRange.Of([NdArray.Vector(1f)]) }));
        Assert.Throws<InvalidDataException>(() => DataRange.Of([NdArray.Create(ElementType.Float, 0, 2)]));
    }

    [Fact]
    public void Pictures_lie_between_black_and_white()
    {
        OnnxModel model = MapNetworks.Deep(smooth: true);
        var pictures = new ImagePreprocessing { Mean = [0.5f, 0.4f], Std = [0.25f, 0.2f] }; // 0 lies inside: from -2 to 2, and from -2 to 3
        NdArray x = NdArray.Create(ElementType.Float, 1, 2, 6, 6);
        x.Floats[..36].Fill(2);
        x.Floats[36..].Fill(-1.9f);
        var options = new ExplainOptions { Range = DataRange.Of([x], [pictures]) };
        AttributionFlags Of(Method m) => m.Explain([x], Target.Class(0), options).Flags & AttributionFlags.OutOfRange;

        Assert.Equal(AttributionFlags.None, Of(new IntegratedGradients(model)));
        Assert.Equal(AttributionFlags.None, Of(new IntegratedGradients(model) { Baseline = Baseline.Value(-2) }));
        Assert.Equal(AttributionFlags.OutOfRange, Of(new IntegratedGradients(model) { Baseline = Baseline.Value(-2.2f) }));
        Assert.Equal(AttributionFlags.OutOfRange, Of(new Occlusion(model) { Baseline = Baseline.Value(2.5f) })); // too bright for the first channel alone
        Assert.Equal(AttributionFlags.None, Of(new SmoothGrad(new Saliency(model)) { Samples = 3 }));
        Assert.Equal(AttributionFlags.OutOfRange, Of(new SmoothGrad(new Saliency(model)) { Samples = 3, StandardDeviation = 0.5 }));
        Attribution noisy = new VarGrad(new IntegratedGradients(model) { Baseline = Baseline.Value(9), Steps = 2 }) { Samples = 2, StandardDeviation = 3, Relative = false }.Explain([x], Target.Class(0), options);
        Assert.Contains("--set stdev", Only(noisy, "noise leads out"), StringComparison.Ordinal);
        Only(noisy, "baseline lies outside");
        Assert.Throws<ShapeMismatchException>(() => DataRange.Of([x], []));
    }

    [Fact]
    public void A_large_delta_names_the_option_that_makes_it_smaller()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 1]);
        g.Output(g.Node(new Tanh(), [g.Scale(x, 200)])[0], "y");
        var model = new OnnxModel(g.Build());
        NdArray one = new([1f], 1, 1);
        Assert.Contains("(--set steps=8), or as many as it takes (--set tolerance=0.01)", Only(new IntegratedGradients(model) { Steps = 2 }.Explain([one], Target.Class(0)), "do not add up"), StringComparison.Ordinal);
        Assert.Contains("(--set samples=12)", Only(new GradientShap(model) { Samples = 3 }.Explain([one], Target.Class(0)), "do not add up"), StringComparison.Ordinal);
        Assert.True(new IntegratedGradients(model) { Steps = 2, Tolerance = 0.01 }.Explain([one], Target.Class(0)).Flags == AttributionFlags.None);
    }

    [Fact]
    public void A_cut_path_names_the_node_and_what_to_do()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 3]);
        Value order = g.Node(new ArgMax { Axis = 1, KeepDims = true }, [x], name: "best", outputNames: ["index"])[0];
        g.Output(g.Add(g.ReduceSum(x, [1], keepDims: true), g.Cast(order, ElementType.Float)), "y");
        Attribution a = new Saliency(new OnnxModel(g.Build())).Explain([new NdArray([1f, 2, 3], 1, 3)], Target.Class(0));
        Assert.True(a.Flags.HasFlag(AttributionFlags.PathCut));
        string remark = Only(a, "No gradient passes");
        Assert.Contains("feature-ablation", remark, StringComparison.Ordinal);
        Assert.Contains("--at '", remark, StringComparison.Ordinal);
    }

    [Fact]
    public void A_path_that_is_cut_inside_a_branch_or_a_loop_is_named_with_the_node_around_it()
    {
        // Each adds a step function of x, of which the gradient knows nothing.
        var branch = new GraphBuilder("branch");
        Value around = branch.Input("around", ElementType.Float, [Dim.Named("batch"), 2]);
        branch.Output(branch.Add(around, branch.Cast(branch.Node(new Cast(ElementType.Int64), [around], name: "cut.off")[0], ElementType.Float)));
        Graph then = branch.Build();
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 2]);
        Value which = g.Less(g.Op(new SizeOf(), x), g.Constant(NdArray.Scalar(100L)));
        g.Output(g.Node(new If(then, then), [which, x], name: "choice", outputNames: ["y"])[0]);
        Check(g.Build(), "choice");

        var body = new GraphBuilder("body");
        _ = body.Input("i", ElementType.Int64, Shape.Scalar);
        Value goesOn = body.Input("go", ElementType.Bool, Shape.Scalar), state = body.Input("state", ElementType.Float, [Dim.Named("batch"), 2]);
        body.Output(body.Identity(goesOn));
        body.Output(body.Inline(then, [state])[0]);
        g = new GraphBuilder();
        x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 2]);
        g.Output(g.Node(new Loop(body.Build(), carried: 1), [g.Constant(NdArray.Scalar(2L)), null, x], name: "rounds", outputNames: ["y"])[0]);
        Check(g.Build(), "rounds");

        static void Check(Graph graph, string node)
        {
            Attribution a = new Saliency(new OnnxModel(graph)).Explain([new NdArray([1.5f, 2.5f], 1, 2)], Target.Class(0));
            Assert.True(a.Flags.HasFlag(AttributionFlags.PathCut));
            string remark = Only(a, "No gradient passes");
            Assert.Contains($"'cut.off' (Cast) inside '{node}' (", remark, StringComparison.Ordinal);
            Assert.Contains("--at 'y'", remark, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_layer_without_positions_is_refused_with_layers_that_have_them()
    {
        OnnxModel model = MapNetworks.Deep();
        string scores = model.Graph.Outputs[0].Name, conv = model.Graph.Nodes.Last(n => n.Operator.Name is "Conv").Name;
        InvalidTargetException e = Assert.Throws<InvalidTargetException>(() => new GradCam(model).Explain([Networks.Random(9, 1, 2, 6, 6)], Target.Class(0), new ExplainOptions { At = scores }));
        Assert.Contains("no positions", e.Message, StringComparison.Ordinal);
        Assert.Contains($"'{conv}'", e.Message, StringComparison.Ordinal);
    }
}
