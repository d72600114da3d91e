"""The pages; `inmemorystorage.serving` serves the files."""

from django.conf import settings
from django.contrib import messages
from django.contrib.messages.views import SuccessMessageMixin
from django.core.files.storage import storages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django.views.generic import DeleteView, DetailView, ListView

from .forms import UploadForm
from .models import AbstractPicture
from .store import tree

ALIASES = ("default", "private")


class PictureList(ListView):
    """Show the pictures, newest first, and the form that adds more."""

    paginate_by = settings.PICTURES_PER_PAGE
    extra_context = {"form": UploadForm, "lifetime": settings.ADDRESS_LIFETIME}


class PictureDetail(DetailView):
    """Show one picture in full, or play it."""

    template_name = "gallery/picture_detail.html"
    context_object_name = "picture"

    def get_object(self, queryset: QuerySet | None = None) -> AbstractPicture:
        """Return the picture; another program can remove a directory's file at any time."""
        picture = super().get_object(queryset)
        if not picture.file.storage.exists(picture.file.name):
            raise Http404(f"The file {picture.file.name!r} no longer exists.")
        return picture


class PictureDelete(SuccessMessageMixin, DeleteView):
    """Ask for confirmation, then delete the picture with its files."""

    template_name = "gallery/picture_confirm_delete.html"
    context_object_name = "picture"
    success_message = "“%(title)s” is deleted."

    def get_success_url(self) -> str:
        """Return to the picture's section."""
        return reverse(f"{self.object.section}:list")

    def get_success_message(self, cleaned_data: dict) -> str:
        """Return a message that names the deleted picture."""
        return self.success_message % {"title": self.object.title}


@require_POST
def upload(request: HttpRequest, model: type[AbstractPicture]) -> HttpResponse:
    """Keep the good files, report the others, and return to the section."""
    form = UploadForm(request.POST, request.FILES, model=model)
    form.is_valid()
    saved = form.save()
    if saved:
        count = "1 file is" if len(saved) == 1 else f"{len(saved)} files are"
        messages.success(request, f"{count} added.")
    for problem in form.errors.get("files", []):
        messages.error(request, problem)
    return redirect(f"{model.section}:list")


@require_safe
def storage_tree(request: HttpRequest) -> HttpResponse:
    """Show the storages' content, and, in DEBUG, where their files are listed."""
    context = {
        "storages": [(alias, storages[alias], tree(storages[alias])) for alias in ALIASES],
        "listed": settings.DEBUG,
    }
    return render(request, "gallery/storage.html", context)
