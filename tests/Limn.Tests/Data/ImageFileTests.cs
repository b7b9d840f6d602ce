using Limn.Data;

namespace Limn.Tests.Data;

public class ImageFileTests
{
    // Written by Pillow 9.4: red and blue halves of 16 x 8 pixels; the same in grey.
    private const string Colour = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYGCAsICQoKCgoKBggLDAsKDAkKCgr/2wBDAQICAgICAgUDAwUKBwYHCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgr/wAARCAAIABADAREAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwD5br+fz/UQ8rr/AHcP8Nz/2Q==";
    private const string Grey = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/wAALCAAIABABAREA/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/9oACAEBAAA/APEq4ev/2Q==";

    [Fact]
    public void A_jpeg_is_read_or_the_message_says_what_to_install()
    {
        byte[] file = Convert.FromBase64String(Colour);
        if (!JpegFile.IsSupported)
        {
            Assert.Contains("libturbojpeg0", Assert.Throws<Limn.InvalidDataException>(() => ImageFile.Decode(file)).Message, StringComparison.Ordinal);
            return;
        }
        Image image = ImageFile.Decode(file);
        Assert.Equal((16, 8, 3), (image.Width, image.Height, image.Channels));
        Assert.Equal([201, 40, 30], image[0, 0].ToArray());
        Assert.Equal([20, 60, 220], image[15, 7].ToArray());
        Image grey = ImageFile.Decode(Convert.FromBase64String(Grey));
        Assert.Equal((16, 8, 1), (grey.Width, grey.Height, grey.Channels));
        Assert.Equal(87, grey[0, 0][0]);
    }

    [JpegFact]
    public void A_jpeg_cut_anywhere_is_refused()
    {
        byte[] file = Convert.FromBase64String(Colour);
        // Without the end marker alone the pixels are whole; libjpeg says so with a warning, and we do not guess.
        for (int length = 0; length < file.Length - 2; length++) Assert.Throws<Limn.InvalidDataException>(() => ImageFile.Decode(file[..length]));
    }

    [JpegFact]
    public void A_changed_byte_of_a_jpeg_reads_or_is_refused()
    {
        byte[] file = Convert.FromBase64String(Colour);
        var options = new ImageOptions { MaximumPixels = 1_000_000 };
        for (int at = 0; at < file.Length; at++)
        {
            byte[] mutant = [.. file];
            mutant[at] ^= (byte)(1 << (at % 8));
            Exception? error = Record.Exception(() => ImageFile.Decode(mutant, options));
            Assert.True(error is null or LimnException, $"byte {at}: {error}");
        }
    }

    [JpegFact]
    public void The_size_of_a_jpeg_is_checked_in_its_header()
    {
        byte[] file = Convert.FromBase64String(Colour);
        int frame = file.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC0]);
        (file[frame + 5], file[frame + 7]) = (0xFF, 0xFF); // 65288 x 65296
        Assert.Contains("100000000", Assert.Throws<Limn.InvalidDataException>(() => ImageFile.Decode(file)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GIF89a....", "GIF")]
    [InlineData("BM........", "BMP")]
    [InlineData("II*\0......", "TIFF")]
    [InlineData("RIFF....WEBPVP8 ", "WebP")]
    [InlineData("\0\0\0 ftypheic....", "HEIC")]
    [InlineData("\0\0\0 ftypavif....", "AVIF")]
    [InlineData("%PDF-1.7", "PDF")]
    [InlineData("PK\u0003\u0004", "ZIP")]
    [InlineData("\u0093NUMPY\u0001\0", ".npy")]
    [InlineData("P6\n2 2", "Netpbm")]
    [InlineData("  <svg>", "SVG")]
    [InlineData("hello", "68656C6C6F")]
    [InlineData("", "empty")]
    public void A_file_of_another_kind_is_called_by_its_name(string start, string name)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("photo.png", System.Text.Encoding.Latin1.GetBytes(start));
        var error = Assert.Throws<Limn.InvalidDataException>(() => ImageFile.Read(path));
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
        Assert.Contains("photo.png", error.Message, StringComparison.Ordinal);
    }

    [JpegFact("images/cat.jpg")]
    public void The_cat_is_decoded_as_by_pillow() => AssertJpeg("images/cat.jpg", 1000, 318300205);

    [JpegFact("images/dog.jpg")]
    public void The_dog_is_decoded_as_by_pillow() => AssertJpeg("images/dog.jpg", 1080, 548077124);

    [JpegFact("images/hummingbird.jpg")]
    public void The_hummingbird_is_decoded_as_by_pillow() => AssertJpeg("images/hummingbird.jpg", 450, 45450525);

    private static void AssertJpeg(string file, int side, long sum)
    {
        Image image = ImageFile.Read(SharedFiles.Path(file));
        Assert.Equal((side, side, 3), (image.Width, image.Height, image.Channels));
        // Decoders may differ by a level here and there.
        Assert.Equal(sum, image.Pixels.Sum(p => (long)p), image.Pixels.Length * 0.01);
    }
}
