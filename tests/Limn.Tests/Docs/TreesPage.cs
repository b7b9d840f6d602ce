using Limn.Data;
using Limn.Engine;
using Limn.Models;
using Limn.Trees;
using Limn.Trees.Shap;

namespace Limn.Tests.Docs;

/// <summary>The code of docs/trees.md.</summary>
[Collection("console")]
public sealed class TreesPage : DocumentationPage
{
    [Fact]
    public void The_code_runs()
    {
        TreeEnsemble model = TreeFile.Read("samples/wine/trees.json").Ensemble;      // recognised by its contents
        NdArray wines = NdArray.From(CsvTable.Read("samples/wine/test.csv").Values).Columns(1, 13);

        // As a method like all others: what it found, and how far it adds up.
        Attribution why = new TreeShapMethod(model).Explain([wines], Target.Predicted);
        Console.WriteLine(why.Players![0].Solution.Values[12]);      // what proline did for the class that the first wine was taken for
        Console.WriteLine(why.ExpectedValue![0]);                    // where the values start

        // Or the kernel itself: every output, in double precision.
        var shap = new TreeShap(model, new TreeShapOptions { Background = wines.Rows(0, 30).FloatMemory, Output = ExplainedOutput.Probability });
        TreeShapValues values = shap.Explain(wines.FloatMemory);
        double chance = shap.ExpectedValue[2];                       // of class 2, over the background
        for (int f = 0; f < 13; f++) chance += values[0, f, 2];      // now the model's own probability
        TreeShapInteractions pairs = shap.Interactions(wines.Rows(0, 5).FloatMemory);
        Console.WriteLine(2 * pairs[0, 6, 12, 0]);                   // what flavanoids and proline do together for class 0

        Assert.Equal(model.Predict([wines])[0].Floats[2], chance, 1e-5);
        Assert.Equal(why.Prediction[0], why.ExpectedValue[0] + why.Players[0].Solution.Values.Sum(), 1e-6);
        Assert.Equal(values[0, 6], Enumerable.Range(0, 13).Sum(f => pairs[0, 6, f]), 1e-6);
        Assert.Equal([44, 13, 3], why.Values.Lengths.ToArray().Select(l => (int)l));
    }
}
