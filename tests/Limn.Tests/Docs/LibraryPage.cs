using System.Numerics.Tensors;
using Limn.Data;
using Limn.Engine;
using Limn.Engine.Operators;
using Limn.Games;
using Limn.Gradients;
using Limn.Models;

namespace Limn.Tests.Docs;

/// <summary>The code of docs/library.md.</summary>
[Collection("console")]
public sealed class LibraryPage : DocumentationPage
{
    [Fact]
    public void The_code_of_the_page_runs()
    {
        OnnxModel model = OnnxModel.Load("samples/wine/model.onnx");
        CsvTable table = CsvTable.Read("samples/wine/test.csv");
        NdArray rows = NdArray.From(table.Values).Columns(1, 13); // the first column is the label

        Attribution why = new IntegratedGradients(model) { Baseline = Baseline.Mean }.Explain([rows]);

        Console.WriteLine(why.TargetClasses![0]);        // the predicted class of the first row
        Console.WriteLine(why.Values[0, 12]);            // what its thirteenth feature contributed
        foreach (string remark in why.Remarks) Console.WriteLine(remark);

        Assert.Equal(table.Rows, why.TargetClasses.Count);
        rows = rows.Rows(0, 3);

        Target predicted = Target.Predicted;             // the largest class of each row; the default
        Target third = Target.Class(2);                  // one class for all rows
        Target each = Target.Class(0, 2, 1);             // one class for each of three rows
        Target logit = Target.Class(2).Logit;            // before a final Softmax, LogSoftmax or Sigmoid
        Target chance = Target.Class(2).Probability;     // after it, adding it if the model does not end in one
        Target margin = Target.Margin(2, 0);             // why 2 rather than 0
        Target neuron = Target.Neuron("fc1", 3);         // a neuron of a layer
        Target layer = Target.Layer("relu");             // the sum over a layer
        Target all = Target.Outputs;                     // the sum of the output's elements
        Target own = Target.Of((g, outputs) => g.ReduceMax(outputs[0], [1], keepDims: false)); // any expression

        foreach (Target target in new[] { predicted, third, each, logit, chance, margin, neuron, layer, all, own })
            Assert.Equal(39, new Saliency(model).Explain([rows], target).Values.FlattenedLength);

        Attribution atLayer = new IntegratedGradients(model).Explain([rows], Target.Class(1), new ExplainOptions { At = "fc1" });

        Assert.Equal(16, (int)atLayer.Values.Lengths[1]);

        var blackBox = new FunctionModel(batch => Tensor.Create([.. Enumerable.Range(0, (int)batch.Lengths[0]).Select(r => 2 * batch[r, 0] - batch[r, 1])], [batch.Lengths[0], 1]));
        Attribution ablation = new FeatureAblation(blackBox).Explain(Tensor.Create([1f, 2, 3, 4], [2, 2]));

        Assert.Equal([2f, -2, 6, -4], Numbers.Of(ablation.Values));

        var options = new ExplainOptions
        {
            Seed = 7,                                    // sampled methods: the same seed gives the same bits, whatever the threads
            MemoryBudget = 512L << 20,                   // bytes for intermediate results; a quarter of the free memory when left out
            Progress = new Progress<Limn.Progress>(p => Console.Error.Write($"\r{p.Fraction:P0}")),
            Cancellation = CancellationToken.None,
        };
        Attribution smooth = new SmoothGrad(new IntegratedGradients(model)) { Samples = 20 }.Explain([rows], options: options);
        Console.WriteLine(smooth.Tensors[0].StandardError![0, 12]); // every sampled number has its standard error

        Method[] methods = [new Saliency(model), new IntegratedGradients(model) { Baseline = Baseline.Mean }, new FeatureAblation(model) { Baseline = Baseline.Mean }];
        Comparison compared = Comparison.Of(methods, [rows], Target.Class(0));

        foreach (Attribution a in compared.Attributions) Console.WriteLine($"{a.Method}: {a.ModelCalls} model calls, {a.Flags}");
        foreach (MethodFailure f in compared.Failures) Console.WriteLine($"{f.Method}: {f.Reason}");
        Agreement agreement = compared.Between(1, 2);    // Integrated Gradients and Feature Ablation
        Console.WriteLine($"{agreement.Correlation:F2} {agreement.AbsoluteCorrelation:F2} {agreement.TopOverlap:P0} {agreement.Note}");

        Assert.Equal(3, compared.Attributions.Count);
        Assert.True(agreement.Correlation > 0.5);

        Method byName = MethodRegistry.Create("integrated-gradients", model, new Dictionary<string, string> { ["steps"] = "100" });
        foreach (MethodDescription m in MethodRegistry.All) Console.WriteLine($"{m.Name}: {m.Summary}");

        Assert.Equal("integrated-gradients", byName.Name);
    }

    [Fact]
    public void The_code_of_the_readme_runs()
    {
        Tensor<float> wine = Tensor.Create([13.2f, 1.78f, 2.14f, 11.2f, 100, 2.65f, 2.76f, 0.26f, 1.28f, 4.38f, 1.05f, 3.4f, 1050], [1, 13]);
        Tensor<float> typicalWine = Tensor.Create([13f, 2.34f, 2.37f, 19.5f, 99.7f, 2.3f, 2.03f, 0.36f, 1.59f, 5.06f, 0.96f, 2.61f, 747], [1, 13]);
        OnnxModel model = OnnxModel.Load("samples/wine/model.onnx");
        Attribution why = new IntegratedGradients(model) { Baseline = Baseline.Of(typicalWine) }.Explain(wine);

        Console.WriteLine($"class {why.TargetClasses![0]} at {why.Prediction[0]:F2}; alcohol contributed {why.Values[0, 0]:F2}");
        Console.WriteLine(string.Join('\n', why.Remarks));

        Assert.Equal(0, why.TargetClasses[0]);
    }
}
