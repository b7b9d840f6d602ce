using System.Globalization;
using Limn.Engine;

namespace Limn.Models;

/// <summary>Which of a detector's boxes is meant, for each row: the one that overlaps most with the given box.</summary>
/// <param name="Wanted">The given box of each row, in the units of the detector.</param>
/// <param name="Classes">The class of each row, which is decided once, at the clean input; -1 where the detector tells no classes.</param>
/// <param name="Format">What the detector's four numbers are.</param>
/// <remarks>
/// Of boxes that overlap equally the one with the higher score is meant, then the first. A box that does not overlap is never meant. Where labels say each
/// box's class, only boxes of the wanted class are looked at.
/// </remarks>
internal sealed record BoxMatch(Box[] Wanted, int[] Classes, BoxFormat Format)
{
    private const float Normalised = 2; // coordinates of normalised boxes may leave the picture a little

    public BoxMatch Select(int[] rows) => this with { Wanted = Array.ConvertAll(rows, r => Wanted[r]), Classes = Array.ConvertAll(rows, r => Classes[r]) };

    /// <summary>The score of each row's box, matched anew; 0 where no box overlaps, as nothing was detected there.</summary>
    public double[] Scores(FoundBoxes found)
    {
        var scores = new double[Wanted.Length];
        for (int r = 0; r < scores.Length; r++)
            if (Find(found, r, Wanted[r], Classes[r]) is { Index: >= 0 } best) scores[r] = found.Score(r, best.Index, Classes[r]);
        return scores;
    }

    /// <summary>Finds the boxes at the clean input: the readout of each one's score.</summary>
    /// <param name="target">What is wanted.</param>
    /// <param name="found">What the detector found.</param>
    /// <param name="picture">Height and width of the picture, where there is one.</param>
    /// <exception cref="InvalidTargetException">No box of a row overlaps with the given one; or the format cannot be that of these boxes.</exception>
    public static Readout At(BoxTarget target, FoundBoxes found, (int Height, int Width)? picture)
    {
        if (target.Wanted.Length != 1 && target.Wanted.Length != found.Rows)
            throw new InvalidTargetException($"{target.Wanted.Length} boxes were given for {found.Rows} rows; give one for all rows or one for each.");
        if (!found.FormatIsSure) CheckFormat(found);
        var wanted = new Box[found.Rows];
        var classes = new int[found.Rows];
        var remarks = new string[found.Rows];
        NdArray weights = NdArray.Create(ElementType.Float, found.Scores.Dims.ToArray());
        for (int r = 0; r < wanted.Length; r++)
        {
            wanted[r] = InUnitsOf(target.Wanted[target.Wanted.Length == 1 ? 0 : r], found, picture);
            var best = Find(found, r, wanted[r], target.OfClass);
            if (best.Index < 0) throw NothingThere(target, found, r, wanted[r]);
            classes[r] = target.OfClass ?? found.ClassOf(r, best.Index);
            weights.Floats[found.Element(r, best.Index, classes[r])] = 1;
            Box box = found.Box(r, best.Index);
            string ofClass = classes[r] >= 0 ? $" for class {classes[r]}" : "";
            remarks[r] = string.Create(CultureInfo.InvariantCulture, $"Row {r}: the box explained is the detector's number {best.Index}, {box}, which overlaps with the given one by {best.Overlap:P0} (IoU){ofClass}.");
        }
        return new Readout(weights) { Match = new BoxMatch(wanted, classes, found.Format), Remarks = remarks };
    }

    private static (int Index, double Overlap) Find(FoundBoxes found, int row, Box wanted, int? ofClass)
    {
        int index = -1;
        double overlap = 0, score = 0;
        for (int b = 0; b < found.Count; b++)
        {
            if (ofClass is >= 0 and { } k && found.Labels is not null && found.Label(row, b) != k) continue;
            double o = found.Box(row, b).Overlap(wanted);
            if (!(o > 0) || o < overlap) continue;
            double s = ofClass is >= 0 and { } c ? found.Score(row, b, c) : found.BestScore(row, b);
            if (o == overlap && !(s > score)) continue;
            (index, overlap, score) = (b, o, s);
        }
        return (index, overlap);
    }

    /// <summary>A box within 0 and 1 is a share of the picture, any other is in pixels; so are the detector's boxes.</summary>
    private static Box InUnitsOf(Box given, FoundBoxes found, (int Height, int Width)? picture)
    {
        bool share = new[] { given.X1, given.Y1, given.X2, given.Y2 }.All(v => v is >= 0 and <= 1);
        bool shares = found.Count > 0 && System.Numerics.Tensors.TensorPrimitives.MaxMagnitude(found.Boxes.Floats) is >= -Normalised and <= Normalised;
        if (share == shares || found.Count == 0) return given;
        return picture is not { } size
            ? throw new InvalidTargetException($"The box {given} is {(share ? "a share of the picture" : "in pixels")}, the detector's boxes are not, and the picture's size is not known. Give the box in the detector's units.")
            : share ? given.Times(size.Width, size.Height) : given.Times(1.0 / size.Width, 1.0 / size.Height);
    }

    private static void CheckFormat(FoundBoxes found)
    {
        int all = found.Rows * found.Count, inverted = 0;
        for (int r = 0; r < found.Rows; r++)
            for (int b = 0; b < found.Count; b++)
                if (found.Box(r, b) is var box && (box.X2 < box.X1 || box.Y2 < box.Y1)) inverted++;
        if (inverted > all / 10)
            throw new InvalidTargetException($"{inverted} of the detector's {all} boxes end before they begin if read as x1,y1,x2,y2, so their four numbers are something else. Say what (--box-format cxcywh or xywh).");
    }

    private static InvalidTargetException NothingThere(BoxTarget target, FoundBoxes found, int row, Box wanted)
    {
        string what = $"{(target.OfClass is { } k && found.Labels is not null ? $"box of class {k}" : "box")}";
        int best = Enumerable.Range(0, found.Count).OrderByDescending(b => found.BestScore(row, b)).FirstOrDefault(-1);
        string hint = best < 0 ? "It found none at all." : $"Its best is {found.Box(row, best)}{(found.ClassOf(row, best) is >= 0 and var c ? $" (class {c})" : "")}.";
        return new InvalidTargetException($"In row {row} no {what} of the detector overlaps with {wanted}. {hint}");
    }
}

/// <summary>The boxes of some rows as arrays.</summary>
/// <param name="Scores">[rows, boxes] or [rows, boxes, classes].</param>
/// <param name="Boxes">[rows, boxes, 4].</param>
/// <param name="Labels">[rows, boxes]; null where there are none.</param>
/// <param name="Format">What the four numbers are.</param>
internal sealed record FoundBoxes(NdArray Scores, NdArray Boxes, NdArray? Labels, BoxFormat Format)
{
    /// <exception cref="InvalidTargetException">The arrays do not belong together.</exception>
    public static FoundBoxes Of(IReadOnlyList<NdArray> arrays, Detections detections)
    {
        NdArray scores = arrays[0], boxes = arrays[1];
        NdArray? labels = detections.Labels is null ? null : arrays[2];
        bool fits = boxes.Rank == 3 && boxes.Dims[2] == 4 && scores.Rank is 2 or 3 && scores.Dims[..2].SequenceEqual(boxes.Dims[..2]) && (labels is null || labels.Dims.SequenceEqual(boxes.Dims[..2]));
        if (!fits || scores.Type.Storage() != Storage.Float || boxes.Type.Storage() != Storage.Float)
            throw new InvalidTargetException($"Boxes {boxes}, scores {scores}{(labels is null ? "" : $" and labels {labels}")} do not belong together; boxes are [rows, boxes, 4], scores [rows, boxes] or [rows, boxes, classes], labels [rows, boxes]. Name the outputs (--boxes, --scores).");
        return new FoundBoxes(scores, boxes, labels, detections.Format) { FormatIsSure = detections.FormatIsSure };
    }

    public bool FormatIsSure { get; init; }

    public int Rows => Boxes.Dims[0];

    public int Count => Boxes.Dims[1];

    private int Classes => Scores.Rank == 3 ? Scores.Dims[2] : 1;

    public Box Box(int row, int box) => Models.Box.Of(Boxes.Floats.Slice((row * Count + box) * 4, 4), Format);

    public int Label(int row, int box) => Labels!.Type.Storage() == Storage.Float ? (int)Labels.Floats[row * Count + box] : (int)Labels.Integers[row * Count + box];

    public double Score(int row, int box, int ofClass) => Scores.Floats[Element(row, box, ofClass)];

    /// <summary>Where a score lies.</summary>
    /// <exception cref="InvalidTargetException">There is no such class.</exception>
    public int Element(int row, int box, int ofClass)
    {
        int k = Scores.Rank == 3 ? Math.Max(0, ofClass) : 0;
        if (k >= Classes) throw new InvalidTargetException($"There is no class {k}: the detector has {Classes} classes, 0 to {Classes - 1}.");
        if (ofClass > 0 && Scores.Rank == 2 && Labels is null) throw new InvalidTargetException($"The detector gives one score for each box and no labels, so there is no class {ofClass}. Leave the class away, or name the labels (--box-labels).");
        return (row * Count + box) * Classes + k;
    }

    public double BestScore(int row, int box) => System.Numerics.Tensors.TensorPrimitives.Max(Scores.Floats.Slice((row * Count + box) * Classes, Classes));

    /// <summary>The class of a box: its label, or the class with the largest score; -1 where there is neither.</summary>
    public int ClassOf(int row, int box) => Labels is not null ? Label(row, box)
        : Scores.Rank == 3 && Classes > 1 ? System.Numerics.Tensors.TensorPrimitives.IndexOfMax(Scores.Floats.Slice((row * Count + box) * Classes, Classes)) : -1;
}
