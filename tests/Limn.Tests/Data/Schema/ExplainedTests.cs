using System.Numerics.Tensors;
using Limn.Data;
using Limn.Engine;
using Limn.Games;
using Limn.Gradients;
using Limn.Models;

namespace Limn.Tests.Data.Schema;

public sealed class ExplainedTests
{
    private static readonly FeatureSchema Schema = FeatureSchema.Parse("""
        { "features": [ { "name": "income", "unit": "EUR", "column": "z", "scale": { "mean": 40000, "deviation": 10000 } },
                        { "name": "job", "oneHot": { "a": "clerk", "b": "nurse", "c": "cook" } } ], "columns": ["a", "z", "b", "c"] }
        """);

    private static readonly float[] Weights = [1, 2, 3, 4];

    private static readonly FunctionModel Linear = new(x =>
    {
        float[] all = Numbers.Of(x), y = new float[(int)x.Lengths[0]];
        for (int r = 0; r < y.Length; r++)
            for (int c = 0; c < 4; c++) y[r] += Weights[c] * all[r * 4 + c];
        return Tensor.Create(y, [y.Length, 1]);
    });

    private static readonly EncodedTable Table = Schema.Encode(TextTable.Parse("income,job\n52000,nurse\n30000,clerk\n"));

    private static readonly Baseline Background = Baseline.Background(Schema.Encode(TextTable.Parse("income,job\n40000,cook\n40000,clerk\n")).Values.ToTensor());

    private static readonly ExplainOptions BySchema = new() { Schema = Schema };

    public static TheoryData<Method> Games => [new KernelShap(Linear) { Baseline = Background }, new ShapleyValues(Linear) { Baseline = Background }, new PermutationShap(Linear) { Baseline = Background }];

    [Theory]
    [MemberData(nameof(Games))]
    public void One_hot_columns_are_one_player_and_get_its_value_once(Method method)
    {
        Attribution a = method.Explain([Table.Values], Target.Class(0), BySchema);
        Assert.Equal(2, a.Players![0].Players.Count);
        Assert.Equal(["income", "job"], a.Players[0].Players.Names);
        IReadOnlyList<IReadOnlyList<Explained>> rows = Schema.Explain(a, Table);
        // Linear: w·x less the background's mean: income 2·1.2, nurse 3 − (4 + 1)/2; income −2, clerk 1 − 2.5.
        double[] wanted = [2.4, 0.5, -2, -1.5];
        Explained[] all = [.. rows.SelectMany(r => r)];
        for (int i = 0; i < 4; i++) Assert.Equal(wanted[i], all[i].Attribution, 1e-5);
        Assert.Equal(["52,000 EUR", "nurse", "30,000 EUR", "clerk"], all.Select(e => e.Value));
        Assert.Equal("income 52,000 EUR: +2.4", all[0].ToString()[..23]);
    }

    [Fact]
    public void Ablation_and_permutation_take_features_whole()
    {
        Attribution ablated = new FeatureAblation(Linear).Explain([Table.Values], Target.Class(0), BySchema);
        Assert.Equal([2.4, 3], Schema.Explain(ablated, Table)[0].Select(e => Math.Round(e.Attribution, 5)));
        Attribution permuted = new FeaturePermutation(Linear) { Samples = 8 }.Explain([Table.Values], Target.Class(0), BySchema);
        Explained job = Schema.Explain(permuted, Table)[0][1];
        Assert.NotNull(job.StandardError);
        Assert.InRange(job.Attribution, 0, 2); // F(nurse) − F(clerk) is 2, where the rows are exchanged
    }

    [Fact]
    public void Columns_of_other_methods_are_summed_and_errors_of_sums_are_not_made_up()
    {
        Attribution single = new FeatureAblation(Linear).Explain([Table.Values], Target.Class(0));
        Assert.Equal([2.4, 3], Schema.Explain(single, Table)[0].Select(e => Math.Round(e.Attribution, 5)));
        Assert.All(Schema.Explain(single, Table).SelectMany(r => r), e => Assert.Null(e.StandardError));
        Tensor<float> values = Tensor.Create([1f, 2, 3, 4], [1, 4]);
        Attribution sampled = single with { Prediction = [0], Tensors = [new AttributedTensor("x", values, Tensor.Create([0.1f, 0.2f, 0.3f, 0f], [1, 4]))] };
        IReadOnlyList<Explained> row = Schema.Explain(sampled, [Table.Values.Rows(0, 1)])[0];
        Assert.Equal([2.0, 8], row.Select(e => e.Attribution));
        Assert.Equal(0.2, row[0].StandardError!.Value, 1e-6);
        Assert.Null(row[1].StandardError);
    }

    [Fact]
    public void A_gradient_of_a_network_is_told_by_feature()
    {
        OnnxModel model = Networks.Smooth(4, 6, 3, seed: 7);
        Attribution a = new IntegratedGradients(model) { Steps = 20 }.Explain([Table.Values], Target.Class(1));
        float[] columns = Numbers.Of(a.Values);
        IReadOnlyList<Explained> row = Schema.Explain(a, Table)[1];
        Assert.Equal(columns[5], row[0].Attribution, 1e-6);
        Assert.Equal((double)columns[4] + columns[6] + columns[7], row[1].Attribution, 1e-6);
    }

    [Fact]
    public void Players_that_are_no_features_and_other_shapes_are_refused()
    {
        var mask = new NdArray([0L, 0, 1, 1], 4);
        Attribution a = new ShapleyValues(Linear) { Mask = [mask] }.Explain([Table.Values], Target.Class(0));
        Assert.Contains("Leave the mask away", Assert.Throws<InvalidOptionException>(() => Schema.Explain(a, Table)).Message, StringComparison.Ordinal);
        Assert.Contains("both given", Assert.Throws<InvalidOptionException>(() => new ShapleyValues(Linear) { Mask = [mask] }.Explain([Table.Values], Target.Class(0), BySchema)).Message, StringComparison.Ordinal);
        Assert.Contains("4 columns", Assert.Throws<ShapeMismatchException>(() => new ShapleyValues(new FunctionModel(x => Tensor.Create(new float[(int)x.Lengths[0]], [x.Lengths[0], 1]))).Explain([new NdArray(new float[3], 1, 3)], Target.Outputs, BySchema)).Message, StringComparison.Ordinal);
        Assert.Contains("2 rows", Assert.Throws<ShapeMismatchException>(() => Schema.Explain(a, Table with { Words = [Table.Words[0]] })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_of_text_play_games_too()
    {
        var lengths = new TextModel();
        Attribution a = new ShapleyValues(lengths) { Baseline = Baseline.Background([new NdArray(["a", "b", "cd", "e"], 2, 2)]) }.Explain([new NdArray(["hello", "you"], 1, 2)], Target.Class(0));
        Assert.Equal([3.5, 2], a.Players![0].Solution.Values);
    }

    private sealed class TextModel : IPredictor
    {
        public IReadOnlyList<NdArray> Predict(IReadOnlyList<NdArray> inputs, CancellationToken cancellation = default)
        {
            int rows = inputs[0].Dims[0], columns = inputs[0].Dims[1];
            var scores = new float[rows];
            for (int i = 0; i < inputs[0].Length; i++) scores[i / columns] += inputs[0].Strings[i].Length;
            return [new NdArray(scores, rows, 1)];
        }
    }
}
