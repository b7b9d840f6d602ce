using System.Globalization;

namespace Limn.Models;

/// <summary>A rectangle in a picture: x to the right, y downwards.</summary>
/// <param name="X1">The left edge.</param>
/// <param name="Y1">The upper edge.</param>
/// <param name="X2">The right edge.</param>
/// <param name="Y2">The lower edge.</param>
public readonly record struct Box(float X1, float Y1, float X2, float Y2)
{
    /// <summary>Width times height; 0 for a box that ends before it begins.</summary>
    public double Area => Math.Max(0.0, (double)X2 - X1) * Math.Max(0.0, (double)Y2 - Y1);

    /// <summary>Intersection over union with another box: 1 for the same box, 0 for boxes that do not meet and for boxes without area.</summary>
    public double Overlap(Box other)
    {
        double width = Math.Min(X2, other.X2) - (double)Math.Max(X1, other.X1), height = Math.Min(Y2, other.Y2) - (double)Math.Max(Y1, other.Y1);
        if (!(width > 0 && height > 0)) return 0;
        double shared = width * height;
        return shared / (Area + other.Area - shared);
    }

    /// <summary>The box with its coordinates multiplied.</summary>
    public Box Times(double x, double y) => new((float)(X1 * x), (float)(Y1 * y), (float)(X2 * x), (float)(Y2 * y));

    /// <summary>Four numbers as a box.</summary>
    internal static Box Of(ReadOnlySpan<float> n, BoxFormat format) => format switch
    {
        BoxFormat.Yxyx => new Box(n[1], n[0], n[3], n[2]),
        BoxFormat.Cxcywh => new Box(n[0] - n[2] / 2, n[1] - n[3] / 2, n[0] + n[2] / 2, n[1] + n[3] / 2),
        BoxFormat.Xywh => new Box(n[0], n[1], n[0] + n[2], n[1] + n[3]),
        _ => new Box(n[0], n[1], n[2], n[3]),
    };

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{X1:G5},{Y1:G5},{X2:G5},{Y2:G5}");
}

/// <summary>What the four numbers of a box are.</summary>
public enum BoxFormat
{
    /// <summary>Left, top, right, bottom.</summary>
    Xyxy,

    /// <summary>Top, left, bottom, right.</summary>
    Yxyx,

    /// <summary>The middle, x and y, then width and height.</summary>
    Cxcywh,

    /// <summary>Left, top, width, height.</summary>
    Xywh,
}

/// <summary>How one tensor holds boxes together with their scores.</summary>
public enum BoxLayout
{
    /// <summary>[rows, boxes, 4 + 1 + classes]: a box, its objectness, a score for each class. The score of a class is objectness times class score.</summary>
    Rows,

    /// <summary>[rows, boxes, 4 + classes]: no objectness.</summary>
    RowsWithoutObjectness,

    /// <summary>[rows, 4 + classes, boxes]: the other way round, no objectness.</summary>
    Columns,

    /// <summary>[rows, 4 + 1 + classes, boxes]: the other way round, with objectness.</summary>
    ColumnsWithObjectness,
}

/// <summary>Where a detector keeps its boxes, scores and labels, and in which form. What is left out is found from the outputs' names, types and shapes.</summary>
public sealed record BoxOutputs
{
    /// <summary>The output of boxes, [rows, boxes, 4] or, for a detector of one picture, [boxes, 4]; or the one tensor that holds everything.</summary>
    public string? Boxes { get; init; }

    /// <summary>The output of scores, [rows, boxes] or [rows, boxes, classes]; the rows may be absent as for the boxes.</summary>
    public string? Scores { get; init; }

    /// <summary>The output of each box's class, [rows, boxes], where the scores have no classes.</summary>
    public string? Labels { get; init; }

    /// <summary>What the four numbers are; when null, <see cref="BoxFormat.Xyxy"/> for an output of boxes, <see cref="BoxFormat.Cxcywh"/> in one tensor.</summary>
    public BoxFormat? Format { get; init; }

    /// <summary>The layout of a single tensor; when null, its longer axis counts boxes: <see cref="BoxLayout.Rows"/> or <see cref="BoxLayout.Columns"/>.</summary>
    public BoxLayout? Layout { get; init; }
}
