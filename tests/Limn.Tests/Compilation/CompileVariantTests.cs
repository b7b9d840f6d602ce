using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Gradients;
using Limn.Models;
using Limn.Tests.ClassActivation;

namespace Limn.Tests.Compilation;

/// <summary>Targets, places, baselines and options compile to what they explain.</summary>
public sealed class CompileVariantTests
{
    private const double Tolerance = 5e-5;

    public static TheoryData<string> Targets => ["predicted", "one class", "a class for each row", "margin", "sum", "neuron", "layer", "mean of layer", "logit", "probability", "by name", "expression"];

    private static Target TargetOf(string name) => name switch
    {
        "one class" => Target.Class(2),
        "a class for each row" => Target.Class(1, 0, 3),
        "margin" => Target.Margin(3, 1),
        "sum" => Target.Outputs.Logit, // that of probabilities is 1, and its gradient nothing but rounding
        "neuron" => Target.Neuron("last", 2, 1, 3),
        "layer" => Target.Layer("last"),
        "mean of layer" => Target.Layer("last", Reduction.Mean),
        "logit" => Target.Class(1).Logit,
        "probability" => Target.Predicted.Probability,
        "by name" => Target.Output("prediction", 2),
        "expression" => Target.Of((g, outputs) => g.ReduceMax(outputs[0], [1], keepDims: false)),
        _ => Target.Predicted,
    };

    [Theory]
    [MemberData(nameof(Targets))]
    public void Every_target(string target)
    {
        foreach (Dim rows in new[] { Dim.Named("batch"), 3 })
        {
            OnnxModel model = Compiled.Networks["residual, softmax"](rows);
            Same(new InputXGradient(model), TargetOf(target), null, Compiled.Rows(model, 3));
            Same(MethodRegistry.Create("integrated-gradients", model, Steps(4)), TargetOf(target), "hidden", Compiled.Rows(model, 3));
        }
    }

    [Theory]
    [InlineData("integrated-gradients")]
    [InlineData("input-x-gradient")]
    [InlineData("deep-lift")]
    [InlineData("lrp")]
    [InlineData("idgi")]
    [InlineData("guided-ig")]
    [InlineData("blur-ig")]
    [InlineData("excitation-backprop")]
    [InlineData("grad-cam")]
    [InlineData("eigen-cam")]
    [InlineData("ablation-cam")]
    [InlineData("full-grad")]
    public void At_a_layer(string method)
    {
        foreach (Dim rows in new[] { Dim.Named("batch"), 3 })
        {
            OnnxModel model = Compiled.Networks["norm, flat head"](rows);
            Same(MethodRegistry.Create(method, model, method.EndsWith("ig", StringComparison.Ordinal) || method is "idgi" or "integrated-gradients" ? Steps(4) : null), Target.Class(1), "hidden", Compiled.Rows(model, 3));
        }
    }

    [Theory]
    [InlineData("mean")]
    [InlineData("black")]
    [InlineData("white")]
    [InlineData("blur")]
    [InlineData("row")]
    [InlineData("several")]
    public void Every_baseline_that_is_not_random(string name)
    {
        foreach (Dim rows in new[] { Dim.Named("batch"), 3 })
            foreach (string network in new[] { "cnn", "mlp" })
            {
                OnnxModel model = Compiled.Networks[network](rows);
                if (name == "blur" && network == "mlp") continue;
                NdArray row = Compiled.Rows(model, 1, 55);
                Baseline baseline = name switch
                {
                    "mean" => Baseline.Mean,
                    "black" => Baseline.Black,
                    "white" => Baseline.White,
                    "blur" => Baseline.Blur(1.2),
                    "row" => Baseline.Of([row]),
                    _ => Baseline.Several(Baseline.Mean, Baseline.Value(0.3f), Baseline.Of([row])),
                };
                foreach (string method in name == "several" ? new[] { "integrated-gradients", "deep-lift-shap", "idgi", "guided-ig" } : ["integrated-gradients", "deep-lift", "occlusion"])
                    Same(MethodRegistry.Create(method, model, method is "deep-lift" or "deep-lift-shap" or "occlusion" ? null : Steps(3), new MethodData { Baseline = baseline }), Target.Predicted, null, Compiled.Rows(model, 3));
            }
    }

    [Theory]
    [InlineData("saliency", "absolute=false")]
    [InlineData("integrated-gradients", "multiply=false", "steps=3")]
    [InlineData("integrated-gradients", "quadrature=riemann-trapezoid", "steps=70")] // more points than go through the network at once
    [InlineData("conductance", "finite-differences=true", "steps=4")]
    [InlineData("blur-ig", "sqrt=true", "max-sigma=1.5", "steps=3")]
    [InlineData("guided-ig", "fraction=0.1", "max-distance=1", "steps=4")]
    [InlineData("rect-grad", "percentile=40")]
    [InlineData("deep-lift", "rule=reveal-cancel")]
    [InlineData("deep-lift", "pools=derivative")]
    [InlineData("lrp", "rule=z-box")]
    [InlineData("lrp", "rule=w-square")]
    [InlineData("lrp", "rule=gamma")]
    [InlineData("lrp", "composite=epsilon-gamma-box")]
    [InlineData("lrp", "composite=epsilon-alpha2-beta1")]
    [InlineData("excitation-backprop", "contrastive=true")]
    [InlineData("grad-cam", "relu=false")]
    [InlineData("eigen-cam", "center=true")]
    [InlineData("finer-cam", "comparisons=1", "alpha=0.5")]
    [InlineData("guided-grad-cam", "interpolate=bilinear")]
    [InlineData("occlusion", "window=2,3,2", "stride=2,2,1")]
    [InlineData("deep-lift", "multiply=false")]
    [InlineData("deep-lift-shap", "multiply=false")]
    [InlineData("grad-cam", "sum-channels=false")]
    [InlineData("lrp", "composite=attn-lrp")]
    [InlineData("attention-relevance", "row=first")]
    [InlineData("attention-relevance", "row=mean")]
    [InlineData("attention-rollout", "row=last")]
    [InlineData("attention-rollout", "fusion=max")]
    [InlineData("attention-rollout", "fusion=min")]
    public void Options_of_methods(string method, params string[] options)
    {
        bool attends = method.StartsWith("attention", StringComparison.Ordinal) || options.Contains("composite=attn-lrp");
        OnnxModel model = Compiled.Networks[attends ? "attention" : "norm, flat head"](Dim.Named("batch"));
        Method made = MethodRegistry.Create(method, model, options.ToDictionary(o => o.Split('=')[0], o => o.Split('=')[1]));
        Same(made, Target.Predicted, made.NeedsLayer ? "hidden" : null, Compiled.Rows(model, 3));
    }

    [Fact]
    public void Groups_of_a_mask()
    {
        OnnxModel model = Compiled.Networks["mlp"](Dim.Named("batch"));
        var mask = new NdArray([2L, 2, 7, 7, 7, 5], 6);
        Same(MethodRegistry.Create("feature-ablation", model, null, new MethodData { Mask = [mask], Baseline = Baseline.Mean }), Target.Class(1), null, Compiled.Rows(model, 3));
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public void Maps_of_tokens(bool classToken, bool fixedBatch)
    {
        OnnxModel model = MapNetworks.VisionTransformer(classToken, fixedBatch);
        NdArray picture = Networks.Random(8, 1, 3, 8, 8);
        foreach (string method in new[] { "grad-cam", "ablation-cam", "eigen-grad-cam", "score-cam", "shapley-cam", "lrp", "guided-grad-cam", "full-grad" })
            Same(MethodRegistry.Create(method, model), Target.Predicted, null, picture);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Maps_of_sequences_and_volumes(int axes)
    {
        OnnxModel model = MapNetworks.Pooled(axes);
        NdArray input = Networks.Random(8, [2, .. model.Graph.Inputs[0].Shape!.Skip(1).Select(d => d.Value)]);
        foreach (string method in new[] { "cam", "grad-cam", "score-cam", "full-grad", "guided-grad-cam", "occlusion" }) Same(MethodRegistry.Create(method, model), Target.Predicted, null, input);
    }

    [Theory]
    [InlineData("saliency")]
    [InlineData("integrated-gradients")]
    [InlineData("guided-ig")]
    [InlineData("idgi")]
    [InlineData("deep-lift")]
    [InlineData("feature-ablation")]
    [InlineData("occlusion")]
    public void Several_inputs(string method)
    {
        OnnxModel model = Networks.MultiLayerOfThreeInputs(0.3f);
        Same(MethodRegistry.Create(method, model, method is "integrated-gradients" or "guided-ig" or "idgi" ? Steps(6) : null), Target.Class(1), null,
            Networks.Random(1, 2, 3), Networks.Random(2, 2, 3), Networks.Random(3, 2, 3));
    }

    [Theory]
    [InlineData("saliency")]
    [InlineData("integrated-gradients")]
    [InlineData("deep-lift")]
    [InlineData("feature-ablation")]
    public void Token_ids_are_explained_at_their_embedding(string method)
    {
        var g = new GraphBuilder();
        Value ids = g.Input("ids", ElementType.Int64, [Dim.Named("n"), 4]);
        Value embedded = g.Gather(g.Constant(Networks.Random(1, 10, 3)), ids);
        Value pooled = g.ReduceMean(g.Tanh(embedded), [1], keepDims: false);
        g.Output(g.MatMul(pooled, g.Constant(Networks.Random(2, 3, 2))), "y");
        var model = new OnnxModel(g.Build());
        Same(MethodRegistry.Create(method, model, method == "integrated-gradients" ? Steps(5) : null), Target.Predicted, null, new NdArray([1L, 2, 3, 4, 9, 8, 7, 0], 2, 4));
    }

    [Fact]
    public void Sizes_that_are_open_are_named()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 2, Dim.Named("height"), Dim.Named("width")]);
        Value maps = g.Relu(g.Conv(x, g.Constant(Networks.Random(1, 3, 2, 3, 3))));
        g.Output(g.MatMul(g.Flatten(g.GlobalAveragePool(maps)), g.Constant(Networks.Random(2, 3, 2))), "y");
        var model = new OnnxModel(g.Build());
        Assert.Contains("fixed sizes", Assert.Throws<LimnException>(() => MethodRegistry.Create("grad-cam", model).Compile()).Message, StringComparison.Ordinal);
        Same(MethodRegistry.Create("integrated-gradients", model, Steps(3)), Target.Predicted, null, Networks.Random(5, 2, 2, 5, 6)); // which needs no sizes
    }

    [Fact]
    public void A_black_box_cannot_be_compiled() =>
        Assert.Contains("black box", Assert.Throws<LimnException>(() => MethodRegistry.Create("occlusion", new FunctionModel(x => x)).Compile()).Message, StringComparison.Ordinal);

    private static Dictionary<string, string> Steps(int steps) => new() { ["steps"] = steps.ToString(System.Globalization.CultureInfo.InvariantCulture) };

    private static void Same(Method method, Target target, string? at, params NdArray[] inputs)
    {
        var options = new ExplainOptions { At = at };
        double difference = Compiled.Difference(method.Explain(inputs, target, options), Compiled.Run(Compiled.Write(method.Compile(target, options)), inputs));
        Assert.True(difference <= Tolerance, $"{method.Name} of {target.Describe()}: {difference:E1}");
    }
}
