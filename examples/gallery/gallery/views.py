"""The pages, and the files themselves."""

import mimetypes
from datetime import datetime

from django.conf import settings
from django.contrib import messages
from django.contrib.messages.views import SuccessMessageMixin
from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.views.decorators.http import last_modified, require_POST, require_safe
from django.views.generic import DeleteView, DetailView, ListView

from .forms import UploadForm
from .models import Picture


class PictureList(ListView):
    """Show the pictures, newest first, and the form that adds more."""

    model = Picture
    paginate_by = settings.PICTURES_PER_PAGE
    extra_context = {"form": UploadForm}


class PictureDetail(DetailView):
    """Show one picture in full."""

    model = Picture


class PictureDelete(SuccessMessageMixin, DeleteView):
    """Ask, then delete the picture with its files."""

    model = Picture
    success_url = reverse_lazy("pictures")
    success_message = "The picture is deleted, and its files with it."


@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    """Keep the good pictures, say what is wrong with the others, and go back to the gallery."""
    form = UploadForm(request.POST, request.FILES)
    form.is_valid()
    saved = form.save()
    if saved:
        count = "1 picture is" if len(saved) == 1 else f"{len(saved)} pictures are"
        messages.success(request, f"{count} added.")
    for problem in form.errors.get("images", []):
        messages.error(request, problem)
    return redirect("pictures")


@require_safe
def storage_tree(request: HttpRequest) -> HttpResponse:
    """Show what the storage holds at this moment."""
    context = {"storage": str(default_storage), "tree": default_storage.tree()}
    return render(request, "gallery/storage.html", context)


def modified_time(request: HttpRequest, name: str) -> datetime | None:
    """Return when a file was written, or ``None`` where there is none."""
    try:
        return default_storage.get_modified_time(name)
    except (OSError, ValueError, SuspiciousOperation):
        return None


@require_safe
@last_modified(modified_time)  # which answers before the file is opened
def media(request: HttpRequest, name: str) -> HttpResponse:
    """Answer with a file of the default storage, whatever storage that is."""
    try:
        content = default_storage.open(name)
    except (OSError, ValueError, SuspiciousOperation) as error:
        raise Http404(f"There is no file {name!r}.") from error
    content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return FileResponse(content, content_type=content_type, headers={"Cache-Control": "no-cache"})
