using System.Buffers.Binary;

namespace Limn.Reports;

/// <summary>Writes pictures as figures: image, title, scale, caption.</summary>
internal static class PictureWriter
{
    /// <summary>Pictures narrower than this are shown with hard pixels, since blur would invent detail.</summary>
    private const int HardPixelWidth = 128;

    /// <summary>More pictures than this are shown smaller, so that more of them are seen at once.</summary>
    private const int ManyPictures = 9;

    private static ReadOnlySpan<byte> Signature => [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A];

    public static void Grid(Html page, IReadOnlyList<ReportPicture> pictures, bool compare = false)
    {
        page.Add($"<div class=\"{(!compare ? "pictures" : pictures.Count > ManyPictures ? "pictures compare many" : "pictures compare")}\">");
        foreach (ReportPicture picture in pictures)
        {
            Figure(page, picture);
        }

        page.Add($"</div>");
    }

    private static void Figure(Html page, ReportPicture picture)
    {
        (int width, int height) = Size(picture);
        string alt = picture.Alt.Length > 0 ? picture.Alt : picture.Title;
        Markup sharp = new(width < HardPixelWidth ? " class=\"hard\"" : "");
        page.Add($"""
            <figure>
            <img{sharp} src="data:image/png;base64,{new Markup(Convert.ToBase64String(picture.Png))}" width="{width}" height="{height}" alt="{alt}">
            <figcaption><strong>{picture.Title}</strong>
            """);
        if (picture.Legend is ColorLegend legend)
        {
            Legend(page, legend);
        }

        if (picture.Caption.Length > 0)
        {
            page.Add($"<span>{picture.Caption}</span>");
        }

        page.Add($"</figcaption>\n</figure>");
    }

    private static void Legend(Html page, ColorLegend legend)
    {
        IEnumerable<double> stops = Enumerable.Range(0, 13).Select(i => i / 12.0);
        string colours = string.Join(',', stops.Select(t => (legend.Diverging ? Palette.Diverging((2 * t) - 1) : Palette.Sequential(t)).Hex));
        string limit = NumberText.Printed(legend.Limit);
        page.Add($"<span class=\"scale\"><span class=\"strip\" style=\"background:linear-gradient(90deg,{new Markup(colours)})\"></span>");
        if (legend.Diverging)
        {
            page.Add($"<span>\u2212{limit}<br><em>against</em></span><span>0</span><span>+{limit}<br><em>for</em></span></span>");
        }
        else
        {
            page.Add($"<span>0</span><span>{limit}<br><em>strong</em></span></span>");
        }
    }

    private static (int Width, int Height) Size(ReportPicture picture)
    {
        ReadOnlySpan<byte> png = picture.Png;
        if (png.Length < 24 || !png[..8].SequenceEqual(Signature))
        {
            throw new InvalidDataException($"The picture '{picture.Title}' of the report is not a PNG file; encode it as PNG first.");
        }

        return (BinaryPrimitives.ReadInt32BigEndian(png[16..]), BinaryPrimitives.ReadInt32BigEndian(png[20..]));
    }
}
