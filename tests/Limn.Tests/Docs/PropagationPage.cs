using Limn.Data;
using Limn.Engine;
using Limn.Models;
using Limn.Propagation;

namespace Limn.Tests.Docs;

/// <summary>The code of docs/propagation.md.</summary>
[Collection("console")]
public sealed class PropagationPage : DocumentationPage
{
    [Fact]
    public void The_code_of_the_page_runs()
    {
        NdArray table = NdArray.From(CsvTable.Read("samples/digits/test.csv").Values).Rows(0, 2);
        NdArray pictures = table.Columns(1, 64).Reshape(2, 1, 8, 8);

        OnnxModel network = OnnxModel.Load("samples/digits/model.onnx");

        Attribution difference = new DeepLift(network) { Baseline = Baseline.Zero }.Explain([pictures]);
        Attribution relevance = new Lrp(network) { Composite = LrpComposite.EpsilonPlus }.Explain([pictures]);
        Attribution chosen = new Lrp(network)
        {
            Assignments =
            [
                new(LrpRule.ZBox(0, 1)) { First = true },                     // the layer that sees the pixels
                new(LrpRule.Gamma(0.25)) { Kind = LayerKind.Convolution },
            ],                                                                // dense layers: the rule, epsilon
        }.Explain([pictures]);
        Console.WriteLine(difference.ConvergenceDelta![0]);                   // DeepLIFT is complete: nearly nothing
        Console.WriteLine(relevance.ConvergenceDelta![0]);                    // what biases and stabilisers absorbed

        Conservation kept = new Lrp(network).Conservation([pictures])[0];
        Console.WriteLine($"{kept.Delivered} of {kept.Score} arrived");
        foreach (LayerRelevance leak in kept.Leaks().Take(3)) Console.WriteLine($"{leak.Layer}: received {leak.Arrived}, lost {leak.Lost}");

        Assert.Equal(kept.Score + relevance.ConvergenceDelta[0], new Lrp(network) { Composite = LrpComposite.EpsilonPlus }.Conservation([pictures])[0].Delivered, 1e-2);
        Assert.Equal(0, difference.ConvergenceDelta[0], 1e-4);
        Assert.Contains(Numbers.Of(chosen.Values), v => v != 0);
    }
}
