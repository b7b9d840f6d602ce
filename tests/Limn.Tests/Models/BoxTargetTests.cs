using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Games;
using Limn.Gradients;
using Limn.Models;

namespace Limn.Tests.Models;

public sealed class BoxTargetTests
{
    private const int Side = 8, Count = 9, Classes = 3;

    // Left, top, right, bottom, in pixels of a picture of 8 x 8.
    private static readonly float[] Boxes = [0, 0, 4, 4, 4, 0, 8, 4, 0, 4, 4, 8, 4, 4, 8, 8, 2, 2, 6, 6, 0, 0, 8, 8, 1, 1, 3, 3, 5, 1, 7, 3, 1, 5, 3, 7];

    private static readonly NdArray Picture = Networks.Random(3, 1, 1, Side, Side);

    [Fact]
    public void Overlap_is_intersection_over_union()
    {
        Assert.Equal(1, new Box(0, 0, 2, 2).Overlap(new Box(0, 0, 2, 2)));
        Assert.Equal(1.0 / 7, new Box(0, 0, 2, 2).Overlap(new Box(1, 1, 3, 3)), 12);
        Assert.Equal(0, new Box(0, 0, 2, 2).Overlap(new Box(2, 0, 4, 2)));
        Assert.Equal(0, new Box(0, 0, 0, 0).Overlap(new Box(0, 0, 0, 0)));
        Assert.Equal(0, new Box(3, 3, 1, 1).Overlap(new Box(0, 0, 4, 4)));
        Assert.Equal(0, new Box(float.NaN, 0, 1, 1).Overlap(new Box(0, 0, 4, 4)));
    }

    [Theory]
    [InlineData("apart", null, null)]
    [InlineData("rows", null, null)]
    [InlineData("columns", null, null)]
    [InlineData("labels", null, null)]
    [InlineData("one picture", null, null)]
    [InlineData("shares", null, null)]
    [InlineData("cxcywh", BoxFormat.Cxcywh, null)]
    [InlineData("xywh", BoxFormat.Xywh, null)]
    [InlineData("yxyx", BoxFormat.Yxyx, null)]
    [InlineData("columns with objectness", null, BoxLayout.ColumnsWithObjectness)]
    [InlineData("rows without objectness", null, BoxLayout.RowsWithoutObjectness)]
    public void The_score_of_the_box_that_overlaps_most_is_explained_whatever_the_form_of_the_outputs(string kind, BoxFormat? format, BoxLayout? layout)
    {
        OnnxModel model = Detector(kind);
        BoxOutputs where = new() { Format = format, Layout = layout };
        int k = kind == "labels" ? 4 % Classes : 1; // box 4 has the label 1
        Attribution a = new InputXGradient(model).Explain([Picture], Target.Box(new Box(2, 2, 6, 5.5f), k, where));
        Assert.Equal(Score(kind, box: 4, k), a.Prediction[0], 4);
        Assert.Contains("number 4", Assert.Single(a.Remarks, r => r.Contains("overlaps", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Null(a.TargetClasses);

        // The same box as shares of the picture.
        Attribution share = new InputXGradient(model).Explain([Picture], Target.Box(new Box(0.25f, 0.25f, 0.75f, 0.6875f), k, where));
        Assert.Equal(Numbers.Of(a.Values), Numbers.Of(share.Values));

        // By changed inputs: linear scores lose exactly what the gradient says; a product with the objectness does not.
        Attribution ablation = new FeatureAblation(model).Explain([Picture], Target.Box(new Box(2, 2, 6, 5.5f), k, where));
        Assert.Equal(a.Prediction[0], ablation.Prediction[0], 1e-5);
        if (!kind.Contains("rows", StringComparison.Ordinal) && !kind.EndsWith("objectness", StringComparison.Ordinal))
            Assert.All(Numbers.Of(a.Values).Zip(Numbers.Of(ablation.Values)), p => Assert.Equal(p.First, p.Second, 1e-4f));
    }

    [Fact]
    public void Without_a_class_the_best_of_the_box_is_taken_and_kept()
    {
        OnnxModel model = Detector("apart");
        int best = Enumerable.Range(0, Classes).MaxBy(k => Score("apart", 0, k));
        Attribution a = new Saliency(model).Explain([Picture], Target.Box(new Box(0, 0, 4, 4)));
        Assert.Equal(Score("apart", 0, best), a.Prediction[0], 4);
        Assert.Contains($"for class {best}", a.Remarks[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Of_equal_overlaps_the_higher_score_is_meant_and_of_equal_scores_the_first()
    {
        var found = new FoundBoxes(new NdArray([0.2f, 0.9f, 0.9f], 1, 3), new NdArray([0f, 0, 4, 4, 0, 0, 4, 4, 0, 0, 4, 4], 1, 3, 4), null, BoxFormat.Xyxy);
        Readout readout = BoxMatch.At((BoxTarget)Target.Box(new Box(0, 0, 4, 3)), found, null);
        Assert.Equal([0f, 1, 0], readout.Weights.Floats.ToArray());
    }

    [Fact]
    public void A_black_box_is_matched_again_on_every_input()
    {
        // One box, which moves to the right when the first pixel is gone: then nothing overlaps, and the score is 0.
        var moving = new Moving();
        Attribution a = new FeatureAblation(moving).Explain([new NdArray([1f, 1, 1, 1], 1, 1, 2, 2)], Target.Box(new Box(0, 0, 1, 1)));
        Assert.Equal([0.7f, 0, 0, 0], Numbers.Of(a.Values));
        Assert.Equal(0.7, a.Prediction[0], 6);
    }

    [Fact]
    public void A_box_for_each_row_is_found_in_its_row()
    {
        OnnxModel model = Detector("apart");
        NdArray two = Networks.Random(5, 2, 1, Side, Side);
        Attribution a = new Saliency(model).Explain([two], Target.Boxes([new Box(0, 0, 4, 4), new Box(4, 4, 8, 8)], 2));
        Attribution second = new Saliency(model).Explain([two.Rows(1, 1)], Target.Box(new Box(4, 4, 8, 8), 2));
        Assert.Equal(Numbers.Of(second.Values), Numbers.Of(a.Values)[(Side * Side)..]);
        Assert.Throws<InvalidTargetException>(() => new Saliency(model).Explain([two], Target.Boxes([new Box(0, 0, 4, 4), new Box(0, 0, 4, 4), new Box(0, 0, 4, 4)])));
    }

    [Theory]
    [InlineData("apart", 0, "no box")]
    [InlineData("apart", 1, "no class 9")]
    [InlineData("labels", 2, "box of class 9")]
    [InlineData("cxcywh", 3, "--box-format")]
    [InlineData("unclear", 3, "--boxes")]
    [InlineData("square", 3, "--box-layout")]
    [InlineData("apart", 4, "no output 'nowhere'")]
    public void What_is_not_clear_is_said_in_a_sentence(string kind, int question, string says)
    {
        Target target = question switch
        {
            0 => Target.Box(new Box(20, 20, 24, 24)),
            1 or 2 => Target.Box(new Box(0, 0, 4, 4), 9),
            3 => Target.Box(new Box(0, 0, 4, 4)),
            _ => Target.Box(new Box(0, 0, 4, 4), outputs: new BoxOutputs { Boxes = "nowhere" }),
        };
        var e = Assert.ThrowsAny<LimnException>(() => new Saliency(Detector(kind)).Explain([Picture], target));
        Assert.Contains(says, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_mask_of_positions_is_summed_within_its_class()
    {
        var g = new GraphBuilder();
        g.Output(g.Op(new Identity(), g.Input("x", ElementType.Float, [Dim.Named("batch"), 2, 2, 2])), "y");
        var model = new OnnxModel(g.Build());
        var mask = System.Numerics.Tensors.Tensor.Create([1f, 0, 0, 0.5f], [2, 2]);
        Attribution a = new Saliency(model).Explain([Networks.Random(1, 1, 2, 2, 2)], Target.Sum(mask, 1));
        Assert.Equal([0f, 0, 0, 0, 1, 0, 0, 0.5f], Numbers.Of(a.Values));
        Assert.Throws<InvalidTargetException>(() => new Saliency(model).Explain([Networks.Random(1, 1, 2, 2, 2)], Target.Sum(mask)));
        Assert.Throws<InvalidTargetException>(() => new Saliency(model).Explain([Networks.Random(1, 1, 2, 2, 2)], Target.Sum(mask, 2)));
    }

    private static double Score(string kind, int box, int k)
    {
        NdArray w = Weights();
        double Of(int column) => Enumerable.Range(0, Side * Side).Sum(i => (double)Picture.Floats[i] * w.Floats[i * Count * (Classes + 1) + column]);
        double objectness = Of(Count * Classes + box), score = Of(box * Classes + k);
        return kind is "rows" or "columns with objectness" ? score * objectness : kind == "labels" ? objectness : score;
    }

    private static NdArray Weights() => Networks.Random(17, Side * Side, Count * (Classes + 1));

    /// <summary>Nine boxes that do not move, with scores that are linear in the picture.</summary>
    private static OnnxModel Detector(string kind)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 1, Side, Side]);
        Value all = g.MatMul(g.Flatten(x), g.Constant(Weights()));
        Value scores = g.Reshape(g.Slice(all, [0], [Count * Classes], [1]), -1, Count, Classes), objectness = g.Slice(all, [Count * Classes], [int.MaxValue], [1]);
        bool single = kind.Contains("rows", StringComparison.Ordinal) || kind.Contains("columns", StringComparison.Ordinal) || kind == "square";
        float[] numbers = [.. Enumerable.Range(0, Count).SelectMany(b => Form(single ? "cxcywh" : kind, Boxes[(4 * b)..(4 * b + 4)]))];
        Value zero = g.Scale(g.Reshape(g.ReduceSum(x, [1, 2, 3]), -1, 1, 1), 0);
        Value boxes = g.Add(zero, g.Constant(new NdArray(numbers, 1, Count, 4)));
        Value column = g.Unsqueeze(objectness, 2);
        switch (kind)
        {
            case "rows": g.Output(g.Concat(2, boxes, column, scores), "detections"); break;
            case "rows without objectness": g.Output(g.Concat(2, boxes, scores), "detections"); break;
            case "columns": g.Output(g.Transpose(g.Concat(2, boxes, g.Slice(scores, [0], [2], [2])), 0, 2, 1), "detections"); break;
            case "columns with objectness": g.Output(g.Transpose(g.Concat(2, boxes, column, scores), 0, 2, 1), "detections"); break;
            case "square": g.Output(g.Slice(g.Concat(2, boxes, scores), [0], [4 + Classes], [1]), "detections"); break;
            case "one picture":
                g.Output(g.Squeeze(boxes, 0), "first");
                g.Output(g.Squeeze(scores, 0), "second");
                break;
            case "labels":
                g.Output(boxes, "found");
                g.Output(g.Cast(g.Add(g.Squeeze(zero, 2), g.Constant(new NdArray([.. Enumerable.Range(0, Count).Select(b => (float)(b % Classes))], 1, Count))), ElementType.Int64), "labels");
                g.Output(objectness, "scores");
                break;
            case "unclear":
                g.Output(boxes, "a");
                g.Output(g.Add(boxes, boxes), "b");
                g.Output(scores, "c");
                break;
            default:
                g.Output(scores, "scores");
                g.Output(boxes, "boxes");
                break;
        }
        return new OnnxModel(g.Build());
    }

    private static float[] Form(string kind, float[] b) => kind switch
    {
        "cxcywh" => [(b[0] + b[2]) / 2, (b[1] + b[3]) / 2, b[2] - b[0], b[3] - b[1]],
        "xywh" => [b[0], b[1], b[2] - b[0], b[3] - b[1]],
        "yxyx" => [b[1], b[0], b[3], b[2]],
        "shares" => [b[0] / Side, b[1] / Side, b[2] / Side, b[3] / Side],
        _ => b,
    };

    private sealed class Moving : IPredictor
    {
        public IReadOnlyList<NdArray> Predict(IReadOnlyList<NdArray> inputs, CancellationToken cancellation = default)
        {
            int rows = inputs[0].Dims[0];
            NdArray boxes = NdArray.Create(ElementType.Float, rows, 1, 4), scores = NdArray.Create(ElementType.Float, rows, 1);
            for (int r = 0; r < rows; r++)
            {
                float shift = inputs[0].Floats[r * 4] > 0 ? 0 : 5;
                new[] { shift, 0, shift + 1, 1 }.CopyTo(boxes.Floats[(r * 4)..]);
                scores.Floats[r] = 0.7f;
            }
            return [boxes, scores];
        }
    }
}
