using Limn.Attention;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Games;
using Limn.Gradients;
using Limn.Models;

namespace Limn.Tests.Docs;

/// <summary>The code of docs/targets.md.</summary>
[Collection("console")]
public sealed class TargetsPage : DocumentationPage
{
    [Fact]
    public void The_code_on_boxes_runs()
    {
        OnnxModel detector = Detector();
        NdArray picture = Networks.Random(1, 1, 1, 8, 8);

        Target box = Target.Box(new Box(2, 2, 6, 6));                             // left, top, right, bottom; its own class
        Target asClass = Target.Box(new Box(0.25f, 0.25f, 0.75f, 0.75f), 1);      // the same, as shares of the picture; class 1
        Target named = Target.Box(new Box(2, 2, 6, 6), outputs: new BoxOutputs { Boxes = "boxes", Scores = "scores", Format = BoxFormat.Xyxy });

        Attribution byGradient = new InputXGradient(detector).Explain([picture], asClass);
        Attribution byHiding = new FeatureAblation(detector).Explain([picture], box);
        Console.WriteLine(byGradient.Remarks[0]);                                 // which box was found, and how well it fits

        Assert.Contains("number 1", byGradient.Remarks[0], StringComparison.Ordinal);
        Assert.Equal(byHiding.Prediction[0], new Saliency(detector).Explain([picture], named).Prediction[0], 5);
    }

    [Fact]
    public void The_code_on_tokens_runs()
    {
        OnnxModel text = TextNetworks.Classifier(layers: 2);

        var ids = new NdArray([3L, 7, 12, 5, 9, 0], 1, 6);
        Attribution words = new IntegratedGradients(text) { Baseline = Baseline.ZeroEmbedding }.Explain([ids], Target.Class(1));
        AttributedTensor tokens = words.PerToken()[0];                            // [1, 6]

        var pads = new NdArray([2L, 2, 2, 2, 2, 2], 1, 6);
        Attribution againstPads = new IntegratedGradients(text) { Baseline = Baseline.Of([pads]) }.Explain([ids], Target.Class(1));

        Assert.Equal(6, tokens.Values.FlattenedLength);
        Assert.NotEqual(words.BaselinePrediction![0], againstPads.BaselinePrediction![0]);

        Attribution flow = new AttentionRollout(text) { Fusion = HeadFusion.Max }.Explain([ids]);
        Attribution reads = new AttentionRelevance(text).Explain([ids], Target.Class(1));

        Assert.Equal(1, Numbers.Of(flow.Values).Sum(), 4);
        Assert.Equal(6, reads.Values.FlattenedLength);
    }

    private static OnnxModel Detector()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 1, 8, 8]);
        Value scores = g.Reshape(g.MatMul(g.Flatten(x), g.Constant(Networks.Random(2, 64, 6))), -1, 3, 2);
        g.Output(g.Add(g.Scale(g.Slice(scores, [0], [1], [2]), 0), g.Constant(new NdArray([0f, 0, 4, 4, 2, 2, 6, 6, 4, 4, 8, 8], 1, 3, 4))), "boxes");
        g.Output(scores, "scores");
        return new OnnxModel(g.Build());
    }
}
