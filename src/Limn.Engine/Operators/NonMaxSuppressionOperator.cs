using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>
/// Of boxes that overlap, the one with the highest score. Inputs: boxes [N, B, 4], scores [N, C, B], [most boxes of a class], [overlap], [least score].
/// Output: [selected, 3] of (sample, class, box), for each sample and class in the order of the scores.
/// </summary>
/// <remarks>
/// ONNX 10 and 11. Corners may be given in any order. Of equal scores the first box comes first; a box with a NaN score is never selected. A box is
/// dropped if its intersection over union with a selected one is above the overlap (default 0), which is never so for boxes of no area.
/// The result is a choice, so no gradient goes through it; it goes through what is gathered by it.
/// </remarks>
public sealed class NonMaxSuppression : Operator
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
        [OperatorDefinition.Of("NonMaxSuppression", a => new NonMaxSuppression { Centred = a.Flag("center_point_box", false) }, since: 10)];

    /// <summary>Whether a box is (x of the middle, y of the middle, width, height) and not (y, x, y, x) of two opposite corners.</summary>
    public bool Centred { get; init; }

    public override string Name => "NonMaxSuppression";

    public override int OpsetVersion => 11;

    public override IEnumerable<OperatorAttribute> Attributes => [new("center_point_box", Centred ? 1L : 0L)];

    public override bool MakesOutputs => true;

    public override void Infer(InferenceContext context)
    {
        if (context.ShapeOf(0) is { } boxes && (boxes.Rank != 3 || boxes[2].IsKnown && boxes[2].Value != 4)) throw context.Error($"boxes of shape {boxes} are not [samples, boxes, 4].");
        if (context.ShapeOf(1) is { Rank: not 3 } scores) throw context.Error($"scores of shape {scores} are not [samples, classes, boxes].");
        context.Output(0, ElementType.Int64, [Dim.Unknown, 3]);
    }

    public override void Execute(KernelContext context)
    {
        ReadOnlySpan<int> scoreDims = context.Dims(1);
        (int samples, int classes, int count) = (scoreDims[0], scoreDims[1], scoreDims[2]);
        if (context.Dims(0)[0] != samples || context.Dims(0)[1] != count)
            throw new ShapeMismatchException($"Boxes {NdArray.Describe(context.Dims(0))} and scores {NdArray.Describe(scoreDims)} do not go together.");
        long most = context.Has(2) ? context.Integers(2)[0] : 0;
        float overlap = context.Has(3) ? context.Floats(3)[0] : 0, least = context.Has(4) ? context.Floats(4)[0] : float.NegativeInfinity;
        List<long> found = [];
        for (int n = 0; n < samples; n++)
        {
            Box[] boxes = ReadBoxes(context.Floats(0).Slice(n * count * 4, count * 4));
            for (int c = 0; c < classes; c++)
            {
                float[] scores = context.Floats(1).Slice((n * classes + c) * count, count).ToArray();
                int[] order = [.. Enumerable.Range(0, count).Where(b => scores[b] >= least).OrderByDescending(b => scores[b])];
                List<int> kept = [];
                foreach (int b in order)
                {
                    if (kept.Count >= most) break;
                    if (kept.TrueForAll(k => boxes[k].Overlap(boxes[b]) <= overlap)) kept.Add(b);
                }
                foreach (int b in kept) found.AddRange([n, c, b]);
            }
        }
        context.Store(0, new NdArray(found.ToArray(), found.Count / 3, 3));
    }

    private Box[] ReadBoxes(ReadOnlySpan<float> numbers)
    {
        var boxes = new Box[numbers.Length / 4];
        for (int i = 0; i < boxes.Length; i++)
        {
            ReadOnlySpan<float> b = numbers.Slice(4 * i, 4);
            boxes[i] = Centred ? new Box(b[1] - b[3] / 2, b[0] - b[2] / 2, b[1] + b[3] / 2, b[0] + b[2] / 2)
                : new Box(Math.Min(b[0], b[2]), Math.Min(b[1], b[3]), Math.Max(b[0], b[2]), Math.Max(b[1], b[3]));
        }
        return boxes;
    }

    private readonly record struct Box(float Top, float Left, float Bottom, float Right)
    {
        private float Area => (Bottom - Top) * (Right - Left);

        /// <summary>Intersection over union; 0 where there is no area.</summary>
        public float Overlap(Box other)
        {
            float height = Math.Min(Bottom, other.Bottom) - Math.Max(Top, other.Top), width = Math.Min(Right, other.Right) - Math.Max(Left, other.Left);
            if (!(height > 0 && width > 0 && Area > 0 && other.Area > 0)) return 0;
            float common = height * width;
            return common / (Area + other.Area - common);
        }
    }
}
