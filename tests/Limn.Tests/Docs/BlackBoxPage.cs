using System.Numerics.Tensors;
using Limn.Data;
using Limn.Engine;
using Limn.Games;
using Limn.Models;

namespace Limn.Tests.Docs;

/// <summary>The code of docs/black-box.md.</summary>
[Collection("console")]
public sealed class BlackBoxPage : DocumentationPage
{
    [Fact]
    public void The_code_of_the_page_runs()
    {
        OnnxModel model = OnnxModel.Load("samples/wine/model.onnx");
        NdArray table = NdArray.From(CsvTable.Read("samples/wine/test.csv").Values).Columns(1, 13);
        NdArray row = table.Rows(0, 1), background = table.Rows(1, 40);

        Attribution why = new KernelShap(model) { Baseline = Baseline.Background([background]) }.Explain([row]);

        Console.WriteLine($"{why.ExpectedValue![0]:F2} on average, {why.Prediction[0]:F2} here");
        PlayerValues players = why.Players![0];
        for (int i = 0; i < players.Players.Count; i++)
            Console.WriteLine($"{players.Players.NameOf(i)}: {players.Solution.Values[i]:F3} ± {2 * players.Solution.StandardErrors![i]:F3}");

        Assert.Equal(why.Prediction[0] - why.ExpectedValue[0], players.Solution.Values.Sum(), 1e-6);

        var service = new FunctionModel(batch => Tensor.Create([.. Enumerable.Range(0, (int)batch.Lengths[0]).Select(r => batch[r, 0] * batch[r, 1] + batch[r, 2])], [batch.Lengths[0], 1]));

        Attribution shares = new ShapleyValues(service).Explain(Tensor.Create([2f, 3, 4], [1, 3]), Target.Class(0), new ExplainOptions { PredictorThreads = 2 });

        Console.WriteLine($"{shares.Values[0, 0]} {shares.Values[0, 1]} {shares.Values[0, 2]}"); // 3 3 4

        Assert.Equal([3f, 3, 4], Numbers.Of(shares.Values));

        // A glove market: player 0 has a left glove, players 1 and 2 a right one each; a pair is worth 1.
        var market = new Game(new FunctionGame(3, c => Coalitions.Has(c, 0) && (Coalitions.Has(c, 1) || Coalitions.Has(c, 2)) ? 1 : 0));
        double[] worth = new ShapleyValues(service).Solve(market).Values; // 2/3, 1/6, 1/6

        Assert.Equal(2.0 / 3, worth[0], 1e-12);
        Assert.Equal(1.0 / 6, worth[2], 1e-12);
    }
}
